//! Reads a request's body up to a limit.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;

/// How far past its limit a body is still read, in multiples of the limit.
///
/// The rest is thrown away; reading it lets the client get to the answer before the connection closes.
const DISCARDED_LIMITS: usize = 8;

/// A body that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is over the limit.
    TooLarge,
    /// The client stopped sending, or sent something that is not HTTP.
    Broken,
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read(mut body: Body, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length <= limit_bytes {
            kept.extend_from_slice(&data);
        } else if length <= limit_bytes.saturating_mul(DISCARDED_LIMITS) {
            kept = Vec::new();
        } else {
            break;
        }
    }
    if length > limit_bytes {
        return Err(BodyError::TooLarge);
    }
    Ok(kept.into())
}
