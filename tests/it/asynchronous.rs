//! `Prefer: respond-async`: a batch that outlives its request ends delivered and paid once, or failed and free.

use std::time::{Duration, Instant};

use fal_double::Fault;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{A_PROMPT, Potret, Response, Setup, User};

impl User {
    /// Asks for a batch with a `Prefer` header.
    pub async fn start(&self, key: &str, prefer: &str) -> Response {
        self.start_with(key, prefer, &A_PROMPT).await
    }

    /// Asks for the batch of `body` with a `Prefer` header.
    pub async fn start_with(&self, key: &str, prefer: &str, body: &Value) -> Response {
        let request = self.request(Method::POST, "/api/generate-image").header("idempotency-key", key);
        Response::to(request.header("prefer", prefer).json(body)).await
    }

    /// Asks for the batch until it is no longer pending.
    pub async fn follow(&self, location: &str) -> Response {
        let begun = Instant::now();
        loop {
            let found = self.get(location).await;
            assert_eq!(found.status, 200, "{}", found.body);
            if found.body["status"] != "pending" {
                return found;
            }
            assert!(found.header("retry-after").is_some());
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", found.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The address of a batch that goes on.
pub fn location(response: &Response) -> String {
    assert_eq!(response.status, 202, "{}", response.body);
    response.header("location").expect("a location").to_owned()
}

/// Waits until fal has tried to deliver so many webhooks.
pub async fn delivered(potret: &Potret, webhooks: usize) {
    let begun = Instant::now();
    while potret.fal().deliveries().len() < webhooks {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", potret.fal().deliveries());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The statuses of the responses to fal's webhooks.
pub fn statuses(potret: &Potret) -> Vec<Option<u16>> {
    potret.fal().deliveries().iter().map(|delivery| delivery.status).collect()
}

#[tokio::test]
async fn a_batch_goes_on_after_its_request_and_is_paid_once() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_millis(300)).with_merchant(2).await;
    let started = merchant.start("k", "respond-async").await;
    let place = location(&started);
    assert_eq!(started.header("preference-applied"), Some("respond-async"));
    assert_eq!(started.body["status"], "pending");
    assert_eq!(started.body["progress"]["price"], 1);
    assert_eq!(merchant.coins().await, (2, 1));
    // The same request finds the same batch, and without the preference it is told to wait.
    assert_eq!(location(&merchant.start("k", "respond-async").await), place);
    assert_eq!(merchant.generate_with_key("k", &A_PROMPT).await.problem(), (409, "generation_in_progress"));

    let ended = merchant.follow(&place).await;
    assert_eq!((&ended.body["status"], &ended.body["coins"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(ended.body["images"].as_array().map(Vec::len), Some(2));
    assert!(ended.body.get("progress").is_none());
    let replay = merchant.start("k", "respond-async").await;
    assert_eq!((replay.status, replay.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(replay.body["images"], ended.body["images"]);
    assert_eq!(merchant.generate_with_key("k", &A_PROMPT).await.body["images"], ended.body["images"]);
    assert_eq!(potret.sent_to_fal().len(), 2);
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn a_batch_that_is_waited_for_is_answered_as_ever() {
    let (potret, merchant) = Potret::with_merchant(3).await;
    let waited = merchant.start("k", "respond-async, wait=20").await;
    assert_eq!((waited.status, waited.header("preference-applied")), (200, Some("respond-async, wait=20")));
    let usual = merchant.generate_with_key("other", &A_PROMPT).await;
    let keys = |body: &Value| body.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&waited.body), keys(&usual.body));
    assert_eq!(waited.body["remaining_coins"], 2);
    // A failure within the wait is told as ever, too.
    potret.fal_fails(Fault::ContentPolicyViolation);
    assert_eq!(merchant.start("bad", "respond-async, wait=20").await.problem(), (422, "content_rejected"));
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn the_first_failure_ends_the_batch_and_cancels_the_other_job() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_millis(100)).with_merchant(1).await;
    potret.fal().set_concurrency(Some(1));
    potret.fal_fails_once(Fault::ContentPolicyViolation, 0);
    let place = location(&merchant.start("k", "respond-async").await);
    let ended = merchant.follow(&place).await;
    assert_eq!(
        (&ended.body["status"], &ended.body["error_code"]),
        (&json!("failed"), &json!("content_rejected"))
    );
    let other = potret.fal().requests()[1].request_id;
    assert_eq!(potret.fal().cancellations(), [other]);
    potret.audit_with(&merchant, (1, 1)).await;
    // The same key may try again, and then it succeeds.
    let again = location(&merchant.start("k", "respond-async").await);
    assert_eq!(again, place);
    assert_eq!(merchant.follow(&place).await.body["status"], "succeeded");
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn a_submission_that_fal_refuses_costs_nothing() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    for (fault, problem) in [
        (Fault::BadKey, (502, "image_provider_failed")),
        (Fault::AccountLocked, (503, "image_provider_busy")),
        (Fault::UnknownEndpoint, (502, "image_provider_failed")),
    ] {
        potret.fal_fails(fault);
        assert_eq!(merchant.start("k", "respond-async").await.problem(), problem, "{fault:?}");
        potret.audit_with(&merchant, (1, 1)).await;
    }
}

#[tokio::test]
async fn a_submission_whose_response_is_lost_is_not_repeated_and_still_delivers() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    potret.fal_fails(Fault::ConnectionClosed);
    let place = location(&merchant.start("k", "respond-async").await);
    assert_eq!(merchant.follow(&place).await.body["status"], "succeeded");
    assert_eq!(potret.sent_to_fal().len(), 2);
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn a_slow_fal_is_no_reason_to_time_out() {
    let setup = Setup::default().function_timeout(Duration::from_secs(2)).fal_takes(Duration::from_secs(3));
    let (potret, merchant) = setup.with_merchant(2).await;
    assert_eq!(
        merchant.generate_with_key("sync", &A_PROMPT).await.problem(),
        (504, "image_provider_timeout")
    );
    let place = location(&merchant.start("async", "respond-async, wait=20").await);
    assert_eq!(merchant.follow(&place).await.body["status"], "succeeded");
    potret.audit_with(&merchant, (1, 1)).await;
}
