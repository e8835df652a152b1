//! S3, as far as photos are put there.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method};

use crate::server::{self, Answer};

/// Takes an object, and nothing else.
pub(super) fn answer(head: &Parts, body: &Bytes) -> Answer {
    if head.method != Method::PUT || body.is_empty() || !head.headers.contains_key("authorization") {
        return server::answer(400, "text/plain", "only a signed PUT of a photo is expected here");
    }
    let mut answer = server::answer(200, "application/xml", "");
    let etag = HeaderValue::from_static("\"5d41402abc4b2a76b9719d911017c592\"");
    answer.headers_mut().insert("etag", etag);
    answer
}
