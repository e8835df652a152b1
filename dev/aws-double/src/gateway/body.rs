//! Reads a request's body up to a limit.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;

/// How far a body is read past its limit, in multiples of the limit.
///
/// The excess is discarded. A client that may finish sending gets the response before the connection closes.
const DISCARDED_LIMITS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// The client stopped sending, or sent something other than HTTP.
    Broken,
}

pub(crate) async fn read(mut body: Body, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= limit_bytes {
            kept.extend_from_slice(&data);
        } else if length > limit_bytes.saturating_mul(DISCARDED_LIMITS) {
            break;
        }
    }
    if length > limit_bytes { Err(BodyError::TooLarge) } else { Ok(kept.into()) }
}
