//! A function that panics when a request asks for that, in its handler or before. It is called under AWS's emulator.

use common::api::{self, Anyone, Call, Endpoint, Problem, Response, Route};
use common::function::{Function, Platform, StartError};
use common::settings::Settings;
use jiff::Timestamp;
use lambda_http::lambda_runtime::{self, service_fn};
use lambda_http::{Error, Request};
use serde_json::json;

struct Panics;

impl Function for Panics {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = ();

    fn load(_: &mut Settings<'_>) -> Option<()> {
        Some(())
    }

    async fn connect((): (), _: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self)
    }
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
