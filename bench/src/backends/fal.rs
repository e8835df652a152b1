//! fal: a picture for every prompt that comes with the key.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::server::{self, Answer};

/// The one key that is taken.
pub const KEY: &str = "bench-id:bench-secret";

/// A picture's link, as long as fal's are, and what else fal says of it.
pub(super) fn answer(head: &Parts, body: &Bytes) -> Answer {
    let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let has_key = head.headers.get("authorization").is_some_and(|key| *key == *format!("Key {KEY}"));
    let asks_for_a_picture = head.method == Method::POST && head.uri.path().starts_with("/fal-ai/");
    if !has_key || !asks_for_a_picture || !request["prompt"].is_string() {
        return server::answer(400, "text/plain", "only a prompt, sent with the key, is expected here");
    }
    let picture = json!({
        "images": [{
            "url": "https://v3.fal.media/files/penguin/WXy3MYxHUZ4ZJwl2Zg3oQ_0b6e8f2d7c9a4f1e8d3b5a7c9e1f2d4b.jpg",
            "width": 1024,
            "height": 1024,
            "content_type": "image/jpeg"
        }],
        "timings": {"inference": 0.3_f64},
        "seed": 8_412_094_732_i64,
        "has_nsfw_concepts": [false],
        "prompt": request["prompt"]
    });
    let mut answer = server::answer(200, "application/json", picture.to_string());
    let id = HeaderValue::from_static("764cabcf-b745-4b3e-ae38-1200304cf45b");
    answer.headers_mut().insert("x-fal-request-id", id);
    answer
}
