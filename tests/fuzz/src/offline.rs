//! Functions without a network: what they answer by themselves, and nothing once they call somebody.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use common::aws::{Aws, Credentials, Region};
use common::net::HttpClient;
use common::secrets::Source;
use generate_image::GenerateImage;
use tokio::sync::Notify;
use url::Url;

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
    /// AWS, which never answers.
    pub aws: Aws,
    wire: HttpClient,
    called: Arc<Notify>,
}

impl Default for Offline {
    fn default() -> Self {
        let called = Arc::new(Notify::new());
        let wire = HttpClient::new(Silent(Arc::clone(&called)));
        let credentials = Credentials::new("offline", "secret", None, None, "offline");
        let nowhere = Url::parse("http://aws.offline").expect("a constant URL");
        let aws = Aws::at(&nowhere, Region::new("offline"), credentials, wire.clone());
        Self { aws, wire, called }
    }
}

impl Offline {
    /// generate-image.
    #[must_use]
    pub fn generate_image(&self) -> GenerateImage {
        let config = generate_image::Config::load(&setting).expect("a configuration");
        let Source::Value(key) = config.fal.key.clone() else { unreachable!("the key is a value") };
        GenerateImage::new(config, &key, self.aws.dynamodb(), self.aws.s3(), self.wire.clone())
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
