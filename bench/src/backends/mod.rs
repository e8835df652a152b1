//! Stand-ins for DynamoDB, S3 and fal over TLS, as fast as this machine can be. They respond as the services
//! do, and refuse what they do not know, so that no function is measured while it fails.

mod capacity;
mod dynamodb;
mod fal;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;

use tls::Identity;

pub use dynamodb::{COINS, ENDED, FIRST, GENERATIONS, HEALED, LEDGER, PROFILES, SECOND};
pub use fal::{REQUEST_ID, picture};

/// The only key that fal accepts.
pub const FAL_KEY: &str = "bench-id:bench-secret";

/// The running servers.
#[derive(Debug)]
pub struct Backends {
    /// The addresses of DynamoDB, S3 and fal.
    pub urls: [String; 3],
    /// The file with the certificate of the authority of all three.
    pub authority: PathBuf,
    shared: Shared,
}

/// What the functions have called since the last event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// The calls of DynamoDB, and the units that they are billed as.
    pub dynamodb: u64,
    pub reads: f64,
    pub writes: u64,
    /// The bytes of the largest item written.
    pub largest: usize,
    /// The calls of fal, without those for its keys.
    pub fal: u64,
}

impl Usage {
    fn add_write(&mut self, table: &str, bytes: usize, factor: u64, moves: u64) {
        self.writes += capacity::write(table, bytes, factor, moves);
        self.largest = self.largest.max(bytes);
    }
}

#[derive(Debug, Default)]
struct State {
    pictures: fal::Pictures,
    usage: Usage,
    table: dynamodb::Table,
}

type Shared = Arc<Mutex<State>>;

impl Backends {
    /// Starts the servers with a certificate made for this run. Its authority is written into `folder`.
    pub fn start(threads: &Handle, folder: &Path) -> anyhow::Result<Self> {
        let identity = Identity::make(folder)?;
        let shared = Shared::default();
        let start = |router: Router| -> anyhow::Result<_> {
            let router = router.layer(DefaultBodyLimit::disable());
            let address = threads.block_on(tls::serve(identity.acceptor()?, router))?;
            Ok(format!("https://{address}"))
        };
        let urls = [
            start(Router::new().fallback(dynamodb::respond).with_state(Arc::clone(&shared)))?,
            start(Router::new().fallback(photo))?,
            start(Router::new().fallback(fal::respond).with_state(Arc::clone(&shared)))?,
        ];
        Ok(Self { urls, authority: identity.authority, shared })
    }

    /// Sets how long fal takes for the two pictures of a batch.
    pub fn reset(&self, latency: [Duration; 2]) {
        *locked(&self.shared) =
            State { pictures: fal::Pictures { latency, ..Default::default() }, ..State::default() };
    }

    /// What was called since the last time, and how long fal took for the slowest picture: from having read
    /// the request to the response.
    pub fn take_usage(&self) -> (Usage, Duration) {
        let mut state = locked(&self.shared);
        state.table.has_settled = false;
        (std::mem::take(&mut state.usage), std::mem::take(&mut state.pictures.slowest))
    }
}

async fn photo(head: Parts, body: Bytes) -> Response {
    let is_signed = head.uri.query().is_some_and(|query| query.contains("X-Amz-Signature="));
    if head.method == Method::DELETE && is_signed {
        return StatusCode::NO_CONTENT.into_response();
    }
    if head.method != Method::PUT || body.is_empty() || !is_signed {
        return (StatusCode::BAD_REQUEST, "a signed PUT or DELETE of a photo expected").into_response();
    }
    let headers =
        [(header::CONTENT_TYPE, "application/xml"), (header::ETAG, "\"5d41402abc4b2a76b9719d911017c592\"")];
    (headers, "").into_response()
}

fn locked(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
