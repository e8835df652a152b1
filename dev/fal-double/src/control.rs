//! The control routes: latency, faults, recorded requests. They need no key.

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
use super::requests::RecordedRequest;
use super::{FalDouble, locked};

/// The routes below `/_control`.
pub fn routes() -> Router<FalDouble> {
    Router::new()
        .route("/_control", get(overview))
        .route("/_control/latency", put(set_latency))
        .route("/_control/faults", post(inject).delete(clear_faults))
        .route("/_control/requests", get(requests).delete(clear_requests))
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

/// Sets what the body says. For an unknown name the error itself lists the known ones.
fn apply<T: DeserializeOwned>(body: &[u8], example: &str, set: impl FnOnce(T)) -> Response {
    match serde_json::from_slice(body) {
        Ok(value) => {
            set(value);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => {
            let body = json!({ "error": error.to_string(), "example": example });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}
