//! The HTTP side of every function: who is asking, how answers look, and which status every error has.
//!
//! No other module knows a status code.

mod caller;
mod event;
mod problem;
mod problems;
mod texts;

pub use caller::{Caller, header, object, path_parameter, query_parameter};
pub use event::{HttpEvent, request, run, serve};
pub use problem::{Code, Problem};
pub use texts::{Detail, Language, Text};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use lambda_http::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, RequestExt, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::invocation;

/// Runs a handler to an answer, whatever happens: a problem is answered as such, and a panic is a 500. Problems are
/// told in the caller's language.
pub async fn answer<F>(request: &Request, handler: F) -> Response<Body>
where
    F: Future<Output = Result<Response<Body>, Problem>>,
{
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = accepted.map(Language::preferred).unwrap_or_default();
    let handled = async {
        let outcome = AssertUnwindSafe(handler).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Err(Problem::internal("the handler panicked")));
        outcome.unwrap_or_else(|problem| problem.into_response(language))
    };
    invocation::observed(request.lambda_context_ref(), handled).await
}

/// A 200 with a JSON body. Everything here is somebody's own, so nothing may be cached.
pub fn ok(body: &impl Serialize) -> Result<Response<Body>, Problem> {
    respond(StatusCode::OK, text(body)?)
}

/// A 201 with a JSON body.
pub fn created(body: &impl Serialize) -> Result<Response<Body>, Problem> {
    respond(StatusCode::CREATED, text(body)?)
}

/// A 200 with JSON that is the same for everybody, to be kept for `max_age` and asked for again by its ETag; a
/// 304 for who has it already.
pub fn public(
    request: &Request,
    body: &impl Serialize,
    max_age: Duration,
) -> Result<Response<Body>, Problem> {
    public_json(request, text(body)?, max_age)
}

/// As [`public`], for a body that is JSON already.
pub fn public_json(request: &Request, body: String, max_age: Duration) -> Result<Response<Body>, Problem> {
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&body)));
    let known = header(request, "if-none-match")?.unwrap_or_default();
    let is_known =
        known.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*");
    let (status, body) =
        if is_known { (StatusCode::NOT_MODIFIED, String::new()) } else { (StatusCode::OK, body) };
    let mut response = respond(status, body)?;
    for (name, value) in [(CACHE_CONTROL, format!("public, max-age={}", max_age.as_secs())), (ETAG, etag)] {
        let value = value.parse().map_err(|_| Problem::internal("a header cannot be made"))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Refuses a request for another path or with another method than the function's own; a `{parameter}` of `path`
/// stands for any one segment. The gateway's routes do this first; a direct invocation has no gateway.
pub fn expect_route(request: &Request, method: Method, path: &str) -> Result<(), Problem> {
    let is_parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    let asked = request.raw_http_path().trim_end_matches('/');
    let same = asked.split('/').count() == path.split('/').count()
        && asked.split('/').zip(path.split('/')).all(|(asked, own)| asked == own || is_parameter(own));
    if !same {
        return Err(Problem::new(Detail::NoSuchAddress));
    }
    if request.method() != method {
        return Err(Problem::new(Detail::OtherMethod)
            .about(method.as_str())
            .header("allow", method.as_str()));
    }
    Ok(())
}

fn text(body: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(body).map_err(|error| Problem::internal(error.to_string()))
}

fn respond(status: StatusCode, body: String) -> Result<Response<Body>, Problem> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from(body))
        .map_err(|error| Problem::internal(error.to_string()))
}
