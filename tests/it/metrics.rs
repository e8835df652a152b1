//! What an invocation logs: events with the field names of Powertools, and one line of metrics.

use std::time::Duration;

use fal_double::Fault;
use image::ImageFormat;
use serde_json::{Value, json};

use crate::fixtures::event;
use crate::harness::{Potret, Setup, User};
use crate::pictures;

/// Invokes generate-image for `merchant`, and returns the line of metrics.
async fn generate(potret: &Potret, fixture: &str) -> Value {
    potret.invoke("generate-image", &event("generate-image", fixture, "merchant")).await.metrics
}

/// The metrics of a line by name, without the directive and the ids.
fn values(line: &Value) -> Value {
    let names = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("metrics").iter();
    let names = names.map(|metric| metric["Name"].as_str().expect("a name"));
    names.map(|name| (name.to_owned(), line[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Whether a line has so many costs, each of `usd`.
fn costs(line: &Value, count: usize, usd: f64) -> bool {
    let costs = match &line["FalCost"] {
        Value::Null => Vec::new(),
        Value::Array(costs) => costs.clone(),
        cost => vec![cost.clone()],
    };
    let is_right = |cost: &Value| cost.as_f64().is_some_and(|cost| (cost - usd).abs() < 1e-9);
    costs.len() == count && costs.iter().all(is_right)
}

#[tokio::test]
async fn every_event_has_the_field_names_of_powertools() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    let event = event("generate-image", "text-to-image", "merchant");
    let events = potret.invoke("generate-image", &event).await.events;
    assert!(events.iter().any(|event| event["message"] == "coins settled"), "{events:?}");
    for event in &events {
        assert_eq!(event["service"], "generate-image", "{event}");
        assert!(event["cold_start"].is_boolean(), "{event}");
        for text in ["level", "location", "message", "timestamp"] {
            assert!(event[text].is_string(), "{text} of {event}");
        }
    }
}

#[tokio::test]
async fn a_batch_counts_its_coins_and_the_latency_and_cost_of_fal() {
    let potret = Setup::default().setting("COINS_PER_BATCH", "3").start().await;
    potret.user_with("merchant", 7).await;
    let line = generate(&potret, "text-to-image").await;
    let latencies = line["FalLatency"].as_array().expect("one latency a picture");
    assert!(latencies.len() == 2 && latencies.iter().all(Value::is_number), "{line}");
    let expected = json!({
        "Invocations": 1.0, "Batches": 1.0, "CoinsSettled": 3.0, "FalLatency": latencies,
        "FalCost": [0.003, 0.003]
    });
    assert_eq!(values(&line), expected);
}

#[tokio::test]
async fn a_replay_is_counted_and_settles_no_coin() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 2).await;
    assert_eq!(generate(&potret, "idempotent").await["CoinsSettled"], 1.0);
    let replay = generate(&potret, "idempotent").await;
    assert_eq!(values(&replay), json!({"Invocations": 1.0, "Replays": 1.0}));
}

#[tokio::test]
async fn a_failed_batch_counts_the_released_coins_and_the_kind_of_failure() {
    let potret = Setup::default().function_timeout(Duration::from_secs(4)).start().await;
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
        potret.fal_fails(fault);
        let line = generate(&potret, "text-to-image").await;
        assert_eq!(line["CoinsReleased"], 1.0, "{fault:?}: {line}");
        assert!(line[metric].as_f64().is_some_and(|count| count >= 1.0), "{fault:?}: {line}");
        assert!(line.get("Batches").is_none(), "{fault:?}: {line}");
    }
}

/// The first failure ends the batch, so what becomes of the other request is known only if fal refuses everything.
#[tokio::test]
async fn the_cost_of_a_batch_counts_every_request_that_fal_may_charge_for() {
    let potret = Setup::default().function_timeout(Duration::from_secs(4)).start().await;
    potret.user_with("merchant", 1).await;
    for (fault, count) in [
        (Fault::BadKey, 0),
        (Fault::AccountLocked, 0),
        (Fault::UnknownEndpoint, 0),
        (Fault::ContentPolicyViolation, 2),
        (Fault::BlackPicture, 2),
        (Fault::QueuedFailing, 2),
        (Fault::ConnectionClosed, 2),
        (Fault::EdgeBadGateway, 2),
        (Fault::Slow, 2),
    ] {
        potret.fal_fails(fault);
        let line = generate(&potret, "text-to-image").await;
        assert!(costs(&line, count, 0.003), "{fault:?}: {line}");
        assert_eq!(line["CoinsReleased"], 1.0, "{fault:?}: {line}");
    }
    // fal never charges for a 500. The request is sent again.
    potret.fal_fails_once(Fault::InternalErrorRetryable, 0);
    let line = generate(&potret, "text-to-image").await;
    assert!(costs(&line, 2, 0.003) && line["CoinsSettled"] == 1.0, "{line}");
}

#[tokio::test]
async fn a_picture_that_fal_queues_is_counted_once() {
    let (potret, _) = Potret::with_merchant(2).await;
    potret.fal_fails(Fault::QueuedWithUrls);
    let line = generate(&potret, "text-to-image").await;
    assert!(costs(&line, 2, 0.003) && line["Batches"] == 1.0, "{line}");
    potret.fal().clear_faults();
    let mut asynchronous = event("generate-image", "text-to-image", "merchant");
    asynchronous["headers"]["prefer"] = json!("respond-async, wait=3");
    let line = potret.invoke("generate-image", &asynchronous).await.metrics;
    assert!(costs(&line, 2, 0.003), "{line}");
}

/// A photo of 1.5 million pixels counts two megapixels, and so does the picture. The upload counts four.
#[tokio::test]
async fn the_cost_of_a_batch_with_photos_follows_from_their_pixels() {
    let (potret, merchant): (_, User) = Potret::with_merchant(1).await;
    let uploaded = pictures::file(ImageFormat::Jpeg, 2_048, 2_048);
    let uploaded = merchant.upload("image/jpeg", uploaded).await;
    let face = pictures::base64(&pictures::file(ImageFormat::Png, 1_500, 1_000));
    let mut with_photos = event("generate-image", "image-to-image", "merchant");
    let body = json!({"prompt": "a bag", "face_image": face, "product_images": [uploaded]});
    with_photos["body"] = json!(body.to_string());
    let line = potret.invoke("generate-image", &with_photos).await.metrics;
    assert!(costs(&line, 2, (2.0 + 4.0 + 2.0) * 0.021), "{line}");
}

#[tokio::test]
async fn the_batch_that_ends_an_expired_hold_counts_it() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    potret.leave_an_expired_hold().await;
    let line = generate(&potret, "text-to-image").await;
    for metric in ["HoldsPastLease", "CoinsExpired", "CoinsSettled"] {
        assert_eq!(line[metric], 1.0, "{metric}: {line}");
    }
}

#[tokio::test]
async fn a_repeated_payment_is_counted_once() {
    let potret = Potret::start().await;
    let payment = event("add-coins", "success", "merchant");
    let line = potret.invoke("add-coins", &payment).await.metrics;
    assert_eq!(line["service"], "add-coins");
    assert_eq!(line["CoinsAdded"].as_f64(), payment["coins"].as_f64());
    let repeat = potret.invoke("add-coins", &payment).await.metrics;
    assert_eq!(values(&repeat), json!({"Invocations": 1.0}));
}
