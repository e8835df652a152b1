//! The header `Idempotency-Key`: quoted or not, a key is the same key, and repeats are recognised.

use common::idempotency::IdempotencyKey;
use lambda_http::http::HeaderValue;

use crate::generation::{last_response, request};

/// The bytes are the header's value.
pub fn run(data: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(data) else { return };
    let body = br#"{"prompt": "a bag"}"#;
    let delivered = last_response(&request(body, Some(&header)), 2);
    let key = header.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok());
    assert_eq!(key.is_some(), delivered["status"].is_null(), "{header:?} gets {delivered}");
    let Some(key) = key else { return };
    assert!((1..=255).contains(&key.as_str().len()));

    // The quoted spelling is the same key. The auditor has checked that the repeat made no second batch.
    let quoted = format!("\"{}\"", key.as_str().replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(IdempotencyKey::parse(&quoted), Ok(key));
}
