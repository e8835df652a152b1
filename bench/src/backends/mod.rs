//! Stand-ins for DynamoDB, S3 and fal over TLS, as fast as this machine can be. They respond as the services
//! do, record every call, and refuse what they do not know, so that no function is measured while it fails.

mod dynamodb;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use dynamodb::Tables;
use tls::Identity;

pub use dynamodb::{COINS, GENERATIONS, LEDGER, PROFILES};

/// The only key that fal accepts.
pub const FAL_KEY: &str = "bench-id:bench-secret";

/// A link as long as fal's.
const PICTURE: &str =
    "https://v3.fal.media/files/penguin/WXy3MYxHUZ4ZJwl2Zg3oQ_0b6e8f2d7c9a4f1e8d3b5a7c9e1f2d4b.jpg";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    DynamoDb,
    S3,
    Fal,
}

/// One call by a function.
#[derive(Debug, Clone)]
pub struct Call {
    pub service: Service,
    /// DynamoDB's operation, or the method.
    pub operation: String,
    /// From having read the request to the response.
    pub took: Duration,
}

/// The running servers.
#[derive(Debug)]
pub struct Backends {
    /// The addresses of DynamoDB, S3 and fal.
    pub urls: [String; 3],
    /// The file with the certificate of the authority of all three.
    pub authority: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: Vec<Call>,
    tables: Tables,
    /// How long fal takes for the first and for the second picture of a batch.
    latency: [Duration; 2],
    pictures: usize,
}

impl Backends {
    /// Starts the servers with a certificate made for this run. Its authority is written into `folder`.
    pub fn start(threads: &Handle, folder: &Path) -> anyhow::Result<Self> {
        let identity = Identity::make(folder)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let start = |service: Service| -> anyhow::Result<_> {
            let router = Router::new().fallback(respond).layer(DefaultBodyLimit::disable());
            let router = router.with_state((service, Arc::clone(&shared)));
            let address = threads.block_on(tls::serve(identity.acceptor()?, router))?;
            Ok(format!("https://{address}"))
        };
        let urls = [start(Service::DynamoDb)?, start(Service::S3)?, start(Service::Fal)?];
        Ok(Self { urls, authority: identity.authority, shared })
    }

    /// Forgets all data and calls, and sets how long fal takes for the two pictures of a batch.
    pub fn reset(&self, latency: [Duration; 2]) {
        *locked(&self.shared) = Shared { latency, ..Shared::default() };
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut locked(&self.shared).calls)
    }
}

async fn respond(
    State((service, shared)): State<(Service, Arc<Mutex<Shared>>)>,
    head: Parts,
    body: Bytes,
) -> Response {
    let begun = Instant::now();
    let (operation, response) = match service {
        Service::DynamoDb => locked(&shared).tables.respond(&head, &body),
        Service::S3 => (head.method.to_string(), put_photo(&head, &body)),
        Service::Fal => {
            let latency = {
                let mut shared = locked(&shared);
                shared.pictures += 1;
                shared.latency[(shared.pictures - 1) % 2]
            };
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            (head.method.to_string(), make_picture(&head, &body))
        }
    };
    locked(&shared).calls.push(Call { service, operation, took: begun.elapsed() });
    response
}

fn put_photo(head: &Parts, body: &[u8]) -> Response {
    let is_signed = head.uri.query().is_some_and(|query| query.contains("X-Amz-Signature="));
    if head.method != Method::PUT || body.is_empty() || !is_signed {
        return (StatusCode::BAD_REQUEST, "a signed PUT of a photo expected").into_response();
    }
    let headers =
        [(header::CONTENT_TYPE, "application/xml"), (header::ETAG, "\"5d41402abc4b2a76b9719d911017c592\"")];
    (headers, "").into_response()
}

fn make_picture(head: &Parts, body: &[u8]) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let has_key =
        head.headers.get(header::AUTHORIZATION).is_some_and(|key| *key == *format!("Key {FAL_KEY}"));
    let is_for_a_picture = head.method == Method::POST && head.uri.path().starts_with("/fal-ai/");
    if !has_key || !is_for_a_picture || !request["prompt"].is_string() {
        return (StatusCode::BAD_REQUEST, "a prompt with the key expected").into_response();
    }
    let picture = json!({
        "images": [{"url": PICTURE, "width": 1024, "height": 1024, "content_type": "image/jpeg"}],
        "timings": {"inference": 0.3_f64},
        "seed": 8_412_094_732_i64,
        "has_nsfw_concepts": [false],
        "prompt": request["prompt"]
    });
    ([("x-fal-request-id", "764cabcf-b745-4b3e-ae38-1200304cf45b")], Json(picture)).into_response()
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
