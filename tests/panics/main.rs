//! A function that panics on request. Built as the functions are, it shows what a panic does to one that is deployed.

use common::api;
use lambda_http::{Body, Error, Request, Response};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    api::run(answer).await
}

/// Answers with the process's id, so that a caller sees whether it lives on.
async fn answer(request: Request) -> Response<Body> {
    let asked = request.body().as_ref();
    assert!(asked != b"panic before the handler", "as asked");
    let handler = async {
        assert!(asked != b"panic in the handler", "as asked");
        api::ok(&json!({"process": std::process::id()}))
    };
    api::answer(&request, handler).await
}
