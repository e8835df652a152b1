//! The control routes: latency, faults, recorded requests, the queue, webhooks. They need no key.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post, put};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::queue::{Delivery, QueueSettings, WebhookBehaviour};
use super::requests::RecordedRequest;
use super::responses::FalResponse;
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

async fn set_latency(State(fal): State<FalDouble>, body: Bytes) -> Result<StatusCode, FalResponse> {
    let Latency { milliseconds } = read(&body, r#"{"milliseconds": 1500}"#)?;
    fal.set_latency(Duration::from_millis(milliseconds));
    Ok(StatusCode::NO_CONTENT)
}

async fn inject(State(fal): State<FalDouble>, body: Bytes) -> Result<StatusCode, FalResponse> {
    fal.inject(read(&body, r#"{"fault": "account_locked", "skip": 0, "times": 1}"#)?);
    Ok(StatusCode::NO_CONTENT)
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

async fn set_queue(State(fal): State<FalDouble>, body: Bytes) -> Result<StatusCode, FalResponse> {
    let settings: QueueSettings = read(&body, r#"{"concurrency": 1, "result_ttl_milliseconds": null}"#)?;
    fal.set_result_ttl(settings.result_ttl_milliseconds.map(Duration::from_millis));
    fal.set_concurrency(settings.concurrency);
    Ok(StatusCode::NO_CONTENT)
}

async fn webhooks(State(fal): State<FalDouble>) -> Json<Value> {
    Json(json!({ "behaviour": fal.0.webhooks.behaviour(), "deliveries": fal.deliveries() }))
}

async fn set_webhooks(State(fal): State<FalDouble>, body: Bytes) -> Result<StatusCode, FalResponse> {
    fal.webhooks(read(&body, r#"{"duplicated": true, "delay_milliseconds": 500}"#)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_webhooks(State(fal): State<FalDouble>) -> StatusCode {
    fal.webhooks(WebhookBehaviour::default());
    fal.forget_deliveries();
    StatusCode::NO_CONTENT
}

async fn send_webhook(State(fal): State<FalDouble>, body: Bytes) -> Result<Json<Delivery>, FalResponse> {
    let webhook = read(&body, r#"{"url": "http://127.0.0.1/", "request_id": "1", "body": {}}"#)?;
    Ok(Json(fal.send_webhook(webhook).await))
}

/// Reads the body. For an unknown name the error itself lists the known ones.
fn read<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, FalResponse> {
    serde_json::from_slice(body).map_err(|error| {
        let body = json!({ "error": error.to_string(), "example": example });
        FalResponse::json(StatusCode::BAD_REQUEST, &body)
    })
}
