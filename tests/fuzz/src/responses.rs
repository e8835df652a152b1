//! What every response to a client must be, whatever the client sent.

use common::api::{Code, Response};
use serde_json::Value;

/// No problem is longer than this, in bytes; Lambda would let 6 MB through.
const MAX_PROBLEM_BYTES: usize = 256 * 1024;

/// A problem lists a hundred faults, and then says that there are more.
const MAX_FAULTS: usize = 101;

/// Panics unless `response` is a success, or a well-formed problem with a status from 400 to 499. Returns its body.
pub fn check(response: &Response) -> Value {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    match status {
        200 | 201 => assert!(body.is_object(), "{status} without an object: {body}"),
        304 => assert!(response.body().is_empty()),
        400..500 => check_problem(response, &body),
        _ => panic!("{status}, which is not the client's fault: {body}"),
    }
    body
}

fn check_problem(response: &Response, body: &Value) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(body["status"], response.status().as_u16());
    assert!(response.body().len() <= MAX_PROBLEM_BYTES, "{} bytes of problem", response.body().len());
    assert!(Code::ALL.iter().any(|code| body["code"] == code.name()), "unknown code: {body}");
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} is missing: {body}");
    }
    let faults = body["errors"].as_array().map_or(0, Vec::len);
    assert!(faults <= MAX_FAULTS, "{faults} faults");
}
