//! Successful responses: JSON, private by default, cacheable where everybody gets the same.

use std::time::Duration;

use lambda_http::Body;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Anyone, Call, Problem};

pub type Response = lambda_http::Response<Body>;

/// A 200 with a JSON body of the caller's own, which nobody may cache.
pub fn ok(body: &impl Serialize) -> Result<Response, Problem> {
    json(StatusCode::OK, text(body)?)
}

/// A 201 with a JSON body of the caller's own.
pub fn created(body: &impl Serialize) -> Result<Response, Problem> {
    json(StatusCode::CREATED, text(body)?)
}

/// A 202 with a JSON body of the caller's own, to be asked for again after `retry_after`.
pub fn accepted(body: &impl Serialize, retry_after: Duration) -> Result<Response, Problem> {
    Ok(with_retry_after(json(StatusCode::ACCEPTED, text(body)?)?, retry_after))
}

/// The response, to be asked for again after `retry_after`.
pub fn with_retry_after(mut response: Response, retry_after: Duration) -> Response {
    response.headers_mut().insert(RETRY_AFTER, retry_after.as_secs().into());
    response
}

/// A 200 with JSON that is the same for everybody, for caches to keep for `max_age` and to revalidate by the
/// ETag; or a 304 if it is unchanged.
pub fn public(
    call: &Call<'_, Anyone>,
    body: &impl Serialize,
    max_age: Duration,
) -> Result<Response, Problem> {
    public_json(call, text(body)?, max_age)
}

/// As [`public`], for a body that is JSON already.
pub fn public_json(call: &Call<'_, Anyone>, body: String, max_age: Duration) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&body)));
    let known = call.header("if-none-match")?.unwrap_or_default();
    let is_known =
        known.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*");
    let mut response = match is_known {
        true => json(StatusCode::NOT_MODIFIED, String::new())?,
        false => json(StatusCode::OK, body)?,
    };
    for (name, value) in [(CACHE_CONTROL, format!("public, max-age={}", max_age.as_secs())), (ETAG, etag)] {
        let value = value.parse().map_err(|_| Problem::internal("a header cannot be made"))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn text(body: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(body).map_err(|error| Problem::internal(error.to_string()))
}

fn json(status: StatusCode, body: String) -> Result<Response, Problem> {
    lambda_http::Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from(body))
        .map_err(|error| Problem::internal(error.to_string()))
}
