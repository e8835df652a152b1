//! What every answer to a client must be, whatever was asked.

use common::api::Code;
use lambda_http::{Body, Response};
use serde_json::Value;

/// No answer that tells a client its faults is longer, in bytes; Lambda would let 6 MB through.
const MAX_PROBLEM_BYTES: usize = 256 * 1024;

/// One more than are named one by one.
const MAX_FAULTS: usize = 101;

/// Panics unless `response` is a success, or a well-formed problem of the client's making. Answers its body.
pub fn check(response: &Response<Body>) -> Value {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    match status {
        200 | 201 => assert!(body.is_object(), "{status} without an object: {body}"),
        304 => assert!(response.body().is_empty()),
        400..500 => check_problem(response, &body),
        _ => panic!("{status} is nobody's fault but ours: {body}"),
    }
    body
}

fn check_problem(response: &Response<Body>, body: &Value) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(body["status"], response.status().as_u16());
    assert!(response.body().len() <= MAX_PROBLEM_BYTES, "{} bytes of problem", response.body().len());
    assert!(Code::ALL.iter().any(|code| body["code"] == code.name()), "no known code: {body}");
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {body}");
    }
    let faults = body["errors"].as_array().map_or(0, Vec::len);
    assert!(faults <= MAX_FAULTS, "{faults} faults");
}
