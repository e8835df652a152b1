//! The events that the alarms report, each brought about by a function.

use std::time::Duration;

use fal_double::{Fault, WebhookBehaviour};
use jiff::SignedDuration;
use kit::events::HttpApiEvent;
use serde_json::{Value, json};

use crate::asynchronous::location;
use crate::fixtures::event;
use crate::harness::Setup;
use crate::harness::logs::lines_of;

/// A little longer than `PULL_AFTER_SECONDS`.
const UNTIL_FAL_IS_ASKED: Duration = Duration::from_millis(1_100);

fn lost() -> WebhookBehaviour {
    WebhookBehaviour { lost: true, ..WebhookBehaviour::default() }
}

fn a_request() -> Value {
    event("generate-image", "text-to-image", "merchant")
}

fn a_minute_has_passed() -> Value {
    event("heal-batches", "scheduled", "merchant")
}

/// Has `function` count `metric`, and returns its line of metrics.
pub async fn bring_about(metric: &str, function: &str) -> Value {
    let fault = match metric {
        "FalKeyRefused" => Some(Fault::BadKey),
        "FalAccountLocked" => Some(Fault::AccountLocked),
        "CoinsReleased" => Some(Fault::ContentPolicyViolation),
        _ => None,
    };
    let (potret, merchant) = Setup::default().setting("PULL_AFTER_SECONDS", "1").with_merchant(1).await;
    fault.into_iter().for_each(|fault| potret.fal_fails(fault));
    let event = match (metric, function) {
        ("HoldsPastLease", "generate-image") => {
            potret.leave_an_expired_hold().await;
            a_request()
        }
        ("BatchesLate", "heal-batches") => {
            potret.leave_a_running_batch(SignedDuration::from_mins(11)).await;
            a_minute_has_passed()
        }
        ("WebhooksRefused", "fal-webhook") => {
            let (_, [address, _]) = potret.leave_a_running_batch(SignedDuration::ZERO).await;
            let mut unsigned = event("fal-webhook", "wrong-token", "merchant");
            unsigned["pathParameters"]["callback"] = json!(address.path().rsplit('/').next());
            unsigned
        }
        ("CoinsSettled" | "CoinsReleased", "fal-webhook") => {
            let place = location(&merchant.start("k", "respond-async").await);
            merchant.follow(&place).await;
            return line_of(function, &place, metric);
        }
        ("CoinsSettled" | "CoinsReleased", "generations") => {
            potret.fal().webhooks(lost());
            let place = location(&merchant.start("k", "respond-async").await);
            tokio::time::sleep(UNTIL_FAL_IS_ASKED).await;
            let id = place.rsplit('/').next().expect("an id");
            let look = HttpApiEvent::new("GET", &place).user("merchant");
            look.path_parameter("generation_id", id).into_json()
        }
        ("CoinsSettled" | "CoinsReleased" | "ResultsPulled", "heal-batches") => {
            potret.fal().webhooks(lost());
            location(&merchant.start("k", "respond-async").await);
            tokio::time::sleep(UNTIL_FAL_IS_ASKED).await;
            a_minute_has_passed()
        }
        (
            "FalKeyRefused" | "FalAccountLocked" | "FalCost" | "CoinsSettled" | "CoinsReleased",
            "generate-image",
        ) => a_request(),
        _ => panic!("add the event that {metric} of {function} counts"),
    };
    potret.invoke(function, &event).await.metrics
}

/// The line of the invocation of `function` that counted `metric` for the batch at `place`.
fn line_of(function: &str, place: &str, metric: &str) -> Value {
    let generation_id = place.rsplit('/').next().expect("an id");
    let lines = lines_of(function, generation_id);
    let line = lines.into_iter().find(|line| line.get(metric).is_some());
    line.unwrap_or_else(|| panic!("{function} counted no {metric} for {generation_id}"))
}
