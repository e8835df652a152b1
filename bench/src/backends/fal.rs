//! fal: pictures at once, its queue, and the keys of its webhooks.

use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{FAL_KEY, Shared, locked};
use crate::webhooks;

/// A link as long as fal's.
pub const PICTURE: &str =
    "https://v3.fal.media/files/penguin/WXy3MYxHUZ4ZJwl2Zg3oQ_0b6e8f2d7c9a4f1e8d3b5a7c9e1f2d4b.jpg";

/// The id of every request.
pub const REQUEST_ID: &str = "764cabcf-b745-4b3e-ae38-1200304cf45b";

/// The pictures, tickets and states of two jobs at once that were asked for. Both connections are needed, so
/// that every process makes as many.
#[derive(Debug, Default)]
pub struct Pictures {
    /// How long fal takes for the first and for the second picture of a batch.
    pub latency: [Duration; 2],
    pub begun: usize,
    /// The time of the slowest since the last event.
    pub slowest: Duration,
}

pub async fn respond(State(shared): State<Shared>, head: Parts, body: Bytes) -> Response {
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    if path == webhooks::JWKS_PATH {
        return Json(webhooks::key_set()).into_response();
    }
    let begun = Instant::now();
    locked(&shared).usage.fal += 1;
    let has_key =
        head.headers.get(header::AUTHORIZATION).is_some_and(|key| *key == *format!("Key {FAL_KEY}"));
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (prompt, has_prompt) = (&request["prompt"], request["prompt"].is_string());
    let response = match head.method {
        _ if !has_key || !path.starts_with("/fal-ai/") => None,
        Method::GET if path.ends_with("/status") => Some(json!({"status": "COMPLETED"})),
        Method::GET => return Json(picture(&json!("a prompt"))).into_response(),
        Method::POST if has_prompt && query.contains("fal_webhook=https") => Some(ticket(path)),
        Method::POST if has_prompt => Some(picture(prompt)),
        _ => None,
    };
    let Some(response) = response else {
        return (StatusCode::BAD_REQUEST, "a prompt or a job with the key expected").into_response();
    };
    let latency = {
        let pictures = &mut locked(&shared).pictures;
        pictures.begun += 1;
        pictures.latency[(pictures.begun - 1) % 2]
    };
    tokio::time::sleep(latency).await;
    let response = ([("x-fal-request-id", REQUEST_ID)], Json(response)).into_response();
    let pictures = &mut locked(&shared).pictures;
    pictures.slowest = pictures.slowest.max(begun.elapsed());
    response
}

/// A place in the queue.
fn ticket(path: &str) -> Value {
    let place = format!("https://queue.fal.run{path}/requests/{REQUEST_ID}");
    json!({
        "status": "IN_QUEUE", "request_id": REQUEST_ID, "response_url": place, "queue_position": 0,
        "status_url": format!("{place}/status"), "cancel_url": format!("{place}/cancel"), "metrics": {}
    })
}

/// The result of a job.
pub fn picture(prompt: &Value) -> Value {
    json!({
        "images": [{"url": PICTURE, "width": 1024, "height": 1024, "content_type": "image/jpeg"}],
        "timings": {"inference": 0.3_f64},
        "seed": 8_412_094_732_i64,
        "has_nsfw_concepts": [false],
        "prompt": prompt
    })
}
