//! A function that panics when a request asks for that, in its handler or before. It is called under AWS's emulator.

use common::api::{self, Anyone, Call, Endpoint, Problem, Response, Route};
use common::function::Stateless;
use jiff::Timestamp;
use lambda_http::lambda_runtime::{self, service_fn};
use lambda_http::{Error, Request};
use serde_json::json;

#[derive(Default)]
struct Panics;

impl Stateless for Panics {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
}

impl Endpoint for Panics {
    type Caller = Anyone;
    const ROUTES: &'static [Route] = &[Route::post("/")];

    async fn respond(&self, mut call: Call<'_, Anyone>) -> Result<Response, Problem> {
        assert!(call.object()?["panic"] != "in the handler", "as the request asks");
        api::ok(&json!({"process": std::process::id()}))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let handler = |request: Request| {
        let body: &[u8] = request.body();
        assert!(body != br#"{"panic":"before the handler"}"#, "as the request asks");
        async { api::handle(&Panics, request, Timestamp::UNIX_EPOCH).await }
    };
    lambda_runtime::run(service_fn(|event| api::serve(event, handler))).await
}
