//! The control routes: latency, faults, recorded requests, the queue, webhooks. They need no key.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::queue::{QueueSettings, WebhookBehaviour};
use super::requests::RecordedRequest;
use super::{FalDouble, locked};

/// The routes below `/_control`.
pub fn routes() -> Router<FalDouble> {
    Router::new()
        .route("/_control", get(overview))
        .route("/_control/latency", put(set_latency))
        .route("/_control/faults", post(inject).delete(clear_faults))
        .route("/_control/requests", get(requests).delete(clear_requests))
        .route("/_control/queue", put(set_queue))
        .route("/_control/webhooks", get(webhooks).put(set_webhooks).delete(clear_webhooks))
        .route("/_control/webhooks/send", post(send_webhook))
}

async fn overview(State(fal): State<FalDouble>) -> Json<Value> {
    let latency = locked(&fal.0.latency).clone();
    let known = Fault::ALL.iter().map(|fault| (fault.name().to_owned(), json!(fault.description())));
    Json(json!({
        "latency_milliseconds": {
            "from": latency.start().as_millis() as u64,
            "to": latency.end().as_millis() as u64,
        },
        "active_faults": *locked(&fal.0.faults),
        "faults": Map::from_iter(known),
        "queue": fal.0.jobs.settings(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    milliseconds: u64,
}

async fn set_latency(State(fal): State<FalDouble>, body: Bytes) -> Response {
    apply(&body, "{\"milliseconds\": 1500}", |Latency { milliseconds }| {
        fal.set_latency(Duration::from_millis(milliseconds));
    })
}

async fn inject(State(fal): State<FalDouble>, body: Bytes) -> Response {
    let example = "{\"fault\": \"account_locked\", \"skip\": 0, \"times\": 1}";
    apply(&body, example, |injection| fal.inject(injection))
}

async fn clear_faults(State(fal): State<FalDouble>) -> StatusCode {
    fal.clear_faults();
    StatusCode::NO_CONTENT
}

async fn requests(State(fal): State<FalDouble>) -> Json<Vec<RecordedRequest>> {
    Json(fal.requests())
}

async fn clear_requests(State(fal): State<FalDouble>) -> StatusCode {
    fal.0.log.clear();
    StatusCode::NO_CONTENT
}

async fn set_queue(State(fal): State<FalDouble>, body: Bytes) -> Response {
    let example = "{\"concurrency\": 1, \"result_ttl_milliseconds\": null}";
    apply(&body, example, |settings: QueueSettings| {
        fal.set_result_ttl(settings.result_ttl_milliseconds.map(Duration::from_millis));
        fal.set_concurrency(settings.concurrency);
    })
}

async fn webhooks(State(fal): State<FalDouble>) -> Json<Value> {
    Json(json!({ "behaviour": fal.0.webhooks.behaviour(), "deliveries": fal.deliveries() }))
}

async fn set_webhooks(State(fal): State<FalDouble>, body: Bytes) -> Response {
    apply(&body, "{\"duplicated\": true, \"delay_milliseconds\": 500}", |behaviour| fal.webhooks(behaviour))
}

async fn clear_webhooks(State(fal): State<FalDouble>) -> StatusCode {
    fal.webhooks(WebhookBehaviour::default());
    fal.forget_deliveries();
    StatusCode::NO_CONTENT
}

async fn send_webhook(State(fal): State<FalDouble>, body: Bytes) -> Response {
    match read(&body, "{\"url\": \"http://127.0.0.1/\", \"request_id\": \"1\", \"body\": {}}") {
        Ok(webhook) => Json(fal.send_webhook(webhook).await).into_response(),
        Err(refusal) => refusal,
    }
}

/// Sets what the body says.
fn apply<T: DeserializeOwned>(body: &[u8], example: &str, set: impl FnOnce(T)) -> Response {
    match read(body, example).map(set) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal,
    }
}

/// Reads the body. For an unknown name the error itself lists the known ones.
fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|error| {
        let body = json!({ "error": error.to_string(), "example": example });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    })
}
