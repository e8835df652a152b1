//! What an invocation logs: events under Powertools' names, and one line of metrics.

use axum::body::Bytes;
use common::ids::GenerationId;
use fal_double::Fault;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::crashes::pending;
use crate::fixtures;
use crate::harness::{Potret, Setup};
use crate::secrets::logged;

/// The lines that one invocation wrote.
pub struct Lines {
    pub events: Vec<Value>,
    pub metrics: Value,
}

/// Invokes `function` as API Gateway would, for `merchant`.
pub async fn invoke(potret: &Potret, function: &str, event: Value) -> Lines {
    let invocation = potret.stack.lambda.invoke(function, Bytes::from(event.to_string())).await;
    let id = invocation.expect("the function is there").request_id;
    let text = logged();
    let lines = text.lines().filter(|line| line.contains(&id));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).expect("a line is one JSON object"));
    let (mut metrics, events): (Vec<_>, Vec<_>) =
        lines.filter(|line| line["function_request_id"] == id).partition(|line| line.get("_aws").is_some());
    assert_eq!(metrics.len(), 1, "one invocation, one line of metrics");
    Lines { events, metrics: metrics.remove(0) }
}

/// A request for a batch from text.
pub fn a_batch() -> Value {
    an_event("generate-image", "text-to-image")
}

fn an_event(function: &str, name: &str) -> Value {
    let found = fixtures::all().into_iter().find(|found| found.function == function && found.name == name);
    let mut event: Value = serde_json::from_str(&found.expect("the fixture").text).expect("JSON");
    if let Some(claims) = event.pointer_mut("/requestContext/authorizer/jwt/claims") {
        claims["sub"] = json!("merchant");
    }
    event
}

/// Leaves a hold of `merchant` behind whose lease has passed, as a function does that dies.
pub async fn leave_a_hold_past_its_lease(potret: &Potret) {
    let then = Timestamp::now() - SignedDuration::from_mins(5);
    let left = pending("merchant", GenerationId::random(), then, then + SignedDuration::from_secs(89));
    potret.ledger().hold(&left, then).await.expect("a hold");
}

/// The metrics of a line by name, without the directive and the ids.
fn values(line: &Value) -> Value {
    let names = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("metrics").iter();
    let names = names.map(|metric| metric["Name"].as_str().expect("a name"));
    names.map(|name| (name.to_owned(), line[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn every_event_has_powertools_names() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    let lines = invoke(&potret, "generate-image", a_batch()).await;
    assert!(lines.events.iter().any(|event| event["message"] == "coins settled"), "{:?}", lines.events);
    for event in &lines.events {
        assert_eq!(event["service"], "generate-image", "{event}");
        assert!(event["cold_start"].is_boolean(), "{event}");
        for text in ["level", "location", "message", "timestamp"] {
            assert!(event[text].is_string(), "{text} of {event}");
        }
    }
}

#[tokio::test]
async fn a_batch_counts_its_coins_and_what_fal_took() {
    let potret = Setup::default().setting("COINS_PER_BATCH", "3").start().await;
    potret.user_with("merchant", 7).await;
    let line = invoke(&potret, "generate-image", a_batch()).await.metrics;
    let pictures = line["FalLatency"].as_array().expect("one latency a picture");
    assert!(pictures.len() == 2 && pictures.iter().all(Value::is_number), "{line}");
    let mut values = values(&line);
    values["FalLatency"].take();
    let expected = json!({"Invocations": 1.0, "Batches": 1.0, "CoinsSettled": 3.0, "FalLatency": null, "FalCost": [0.003, 0.003]});
    assert_eq!(values, expected);
}

#[tokio::test]
async fn a_replay_is_counted_and_costs_nothing() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 2).await;
    let event = an_event("generate-image", "idempotent");
    assert_eq!(invoke(&potret, "generate-image", event.clone()).await.metrics["CoinsSettled"], 1.0);
    let line = invoke(&potret, "generate-image", event).await.metrics;
    assert_eq!(values(&line), json!({"Invocations": 1.0, "Replays": 1.0}));
}

#[tokio::test]
async fn a_failed_batch_counts_what_it_gave_back_and_how_fal_failed() {
    let potret = Setup::default().function_timeout(std::time::Duration::from_secs(4)).start().await;
    potret.user_with("merchant", 1).await;
    let table = [
        (Fault::BadKey, "FalKeyRefused"),
        (Fault::AccountLocked, "FalAccountLocked"),
        (Fault::ConcurrencyLimit, "FalBusy"),
        (Fault::StartTimeout, "FalTimeout"),
        (Fault::ContentPolicyViolation, "FalRejected"),
        (Fault::InternalError, "FalFailed"),
    ];
    for (fault, metric) in table {
        potret.fal().clear_faults();
        potret.fal_fails(fault);
        let line = invoke(&potret, "generate-image", a_batch()).await.metrics;
        assert_eq!(line["CoinsReleased"], 1.0, "{fault:?}: {line}");
        assert!(line[metric].as_f64().is_some_and(|count| count >= 1.0), "{fault:?}: {line}");
        assert!(line.get("Batches").is_none() && line.get("FalCost").is_none(), "{fault:?}: {line}");
    }
}

#[tokio::test]
async fn a_hold_past_its_lease_is_counted_by_whoever_ends_it() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    leave_a_hold_past_its_lease(&potret).await;
    let line = invoke(&potret, "generate-image", a_batch()).await.metrics;
    assert_eq!((&line["HoldsPastLease"], &line["CoinsExpired"]), (&json!(1.0), &json!(1.0)), "{line}");
    assert_eq!(line["CoinsSettled"], 1.0, "{line}");
}

#[tokio::test]
async fn a_payment_is_counted_once_however_often_it_arrives() {
    let potret = Potret::start().await;
    let event = an_event("add-coins", "success");
    let line = invoke(&potret, "add-coins", event.clone()).await.metrics;
    assert_eq!(
        (&line["service"], &line["CoinsAdded"]),
        (&json!("add-coins"), &event["coins"].as_f64().into())
    );
    assert_eq!(values(&invoke(&potret, "add-coins", event).await.metrics), json!({"Invocations": 1.0}));
}

#[tokio::test]
async fn no_line_of_metrics_names_a_user() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    for line in [
        invoke(&potret, "generate-image", a_batch()).await,
        invoke(&potret, "coin-balance", an_event("coin-balance", "success")).await,
    ] {
        assert!(!line.metrics.to_string().contains("merchant"), "{}", line.metrics);
    }
}
