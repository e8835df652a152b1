//! Stand-ins for DynamoDB, S3 and fal over TLS, as fast as this machine can be. They respond as the services
//! do, and refuse what they do not know, so that no function is measured while it fails.

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

use tls::Identity;

pub use dynamodb::{COINS, GENERATIONS, LEDGER, PROFILES};

/// The only key that fal accepts.
pub const FAL_KEY: &str = "bench-id:bench-secret";

/// A link as long as fal's.
const PICTURE: &str =
    "https://v3.fal.media/files/penguin/WXy3MYxHUZ4ZJwl2Zg3oQ_0b6e8f2d7c9a4f1e8d3b5a7c9e1f2d4b.jpg";

/// The running servers.
#[derive(Debug)]
pub struct Backends {
    /// The addresses of DynamoDB, S3 and fal.
    pub urls: [String; 3],
    /// The file with the certificate of the authority of all three.
    pub authority: PathBuf,
    fal: Fal,
}

type Fal = Arc<Mutex<Pictures>>;

/// The pictures that fal has made.
#[derive(Debug, Default)]
struct Pictures {
    /// How long fal takes for the first and for the second picture of a batch.
    latency: [Duration; 2],
    begun: usize,
    /// The time of the slowest since the last event.
    slowest: Duration,
}

impl Backends {
    /// Starts the servers with a certificate made for this run. Its authority is written into `folder`.
    pub fn start(threads: &Handle, folder: &Path) -> anyhow::Result<Self> {
        let identity = Identity::make(folder)?;
        let fal = Fal::default();
        let start = |router: Router| -> anyhow::Result<_> {
            let router = router.layer(DefaultBodyLimit::disable());
            let address = threads.block_on(tls::serve(identity.acceptor()?, router))?;
            Ok(format!("https://{address}"))
        };
        let urls = [
            start(Router::new().fallback(dynamodb::respond))?,
            start(Router::new().fallback(put_photo))?,
            start(Router::new().fallback(make_picture).with_state(Arc::clone(&fal)))?,
        ];
        Ok(Self { urls, authority: identity.authority, fal })
    }

    /// Sets how long fal takes for the two pictures of a batch.
    pub fn reset(&self, latency: [Duration; 2]) {
        *locked(&self.fal) = Pictures { latency, ..Pictures::default() };
    }

    /// How long fal took for the slowest picture since the last time: from having read the request to the
    /// response.
    pub fn take_slowest_picture(&self) -> Duration {
        std::mem::take(&mut locked(&self.fal).slowest)
    }
}

async fn put_photo(head: Parts, body: Bytes) -> Response {
    let is_signed = head.uri.query().is_some_and(|query| query.contains("X-Amz-Signature="));
    if head.method != Method::PUT || body.is_empty() || !is_signed {
        return (StatusCode::BAD_REQUEST, "a signed PUT of a photo expected").into_response();
    }
    let headers =
        [(header::CONTENT_TYPE, "application/xml"), (header::ETAG, "\"5d41402abc4b2a76b9719d911017c592\"")];
    (headers, "").into_response()
}

async fn make_picture(State(fal): State<Fal>, head: Parts, body: Bytes) -> Response {
    let begun = Instant::now();
    let latency = {
        let mut pictures = locked(&fal);
        pictures.begun += 1;
        pictures.latency[(pictures.begun - 1) % 2]
    };
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let has_key =
        head.headers.get(header::AUTHORIZATION).is_some_and(|key| *key == *format!("Key {FAL_KEY}"));
    let is_for_a_picture = head.method == Method::POST && head.uri.path().starts_with("/fal-ai/");
    if !has_key || !is_for_a_picture || !request["prompt"].is_string() {
        return (StatusCode::BAD_REQUEST, "a prompt with the key expected").into_response();
    }
    tokio::time::sleep(latency).await;
    let picture = json!({
        "images": [{"url": PICTURE, "width": 1024, "height": 1024, "content_type": "image/jpeg"}],
        "timings": {"inference": 0.3_f64},
        "seed": 8_412_094_732_i64,
        "has_nsfw_concepts": [false],
        "prompt": request["prompt"]
    });
    let response =
        ([("x-fal-request-id", "764cabcf-b745-4b3e-ae38-1200304cf45b")], Json(picture)).into_response();
    let mut pictures = locked(&fal);
    pictures.slowest = pictures.slowest.max(begun.elapsed());
    response
}

fn locked(fal: &Mutex<Pictures>) -> MutexGuard<'_, Pictures> {
    fal.lock().unwrap_or_else(PoisonError::into_inner)
}
