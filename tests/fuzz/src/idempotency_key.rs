//! The header `Idempotency-Key`: a key is read as the same key however it is spelled, and repeats are recognised.

use common::idempotency::IdempotencyKey;
use lambda_http::http::HeaderValue;

use crate::generation::{answered, request};

/// The bytes are the header's value.
pub fn run(data: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(data) else { return };
    let body = br#"{"prompt": "a bag"}"#;
    let delivered = answered(&request(body, Some(&header)), 2);
    let key = header.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok());
    assert_eq!(key.is_some(), delivered["status"].is_null(), "{header:?} is answered {delivered}");
    let Some(key) = key else { return };
    assert!((1..=255).contains(&key.as_str().len()));

    // The same under its one quoted spelling. That a repeat made no second batch, the auditor has seen.
    let quoted = format!("\"{}\"", key.as_str().replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(IdempotencyKey::parse(&quoted), Ok(key));
}
