//! Functions without a network: what they answer by themselves, and nothing once they call somebody.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use common::api::{self, Endpoint, Response};
use common::function;
use common::net::HttpClient;
use jiff::Timestamp;
use lambda_http::Request;
use tokio::sync::Notify;

/// A wire whose far end never answers, but tells that it was called.
#[derive(Clone)]
struct Silent(Arc<Notify>);

impl fmt::Debug for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Silent")
    }
}

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.0.notify_one();
        HttpConnectorFuture::new(std::future::pending())
    }
}

/// What functions without a network are made of.
pub struct Offline {
    wire: HttpClient,
    called: Arc<Notify>,
}

impl Default for Offline {
    fn default() -> Self {
        let called = Arc::new(Notify::new());
        let wire = HttpClient::new(Silent(Arc::clone(&called)));
        Self { wire, called }
    }
}

impl Offline {
    /// The response of an endpoint to `request`; nothing if it needs the network.
    #[must_use]
    pub fn response<E: Endpoint>(&self, request: Request) -> Option<Response> {
        block_on(self.unless_it_calls(async {
            let endpoint = function::connect::<E>(&setting, self.wire.clone()).await.expect("a function");
            api::handle(&endpoint, request, Timestamp::UNIX_EPOCH).await
        }))
    }

    /// What `work` comes to by itself; nothing if it needs the network.
    pub async fn unless_it_calls<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.called.notified() => None,
        }
    }
}

/// A setting of a function that will not reach what it names.
#[must_use]
pub fn setting(name: &str) -> Option<String> {
    let value = match name {
        "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "offline",
        "AWS_ENDPOINT_URL" => "http://aws.offline",
        "FAL_KEY" => "offline:key",
        "FAL_BASE_URL" => "http://fal.offline",
        "CURSOR_KEY" => "a-key-of-32-characters-and-more-",
        "PROFILES_TABLE" | "GENERATIONS_TABLE" | "LEDGER_TABLE" | "UPLOADS_BUCKET" => "offline",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Runs `work` on this thread, in paused time.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}
