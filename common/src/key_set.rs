//! Somebody's public keys (JWKS, RFC 7517): fetched when one is needed, kept, and fetched again when they are old
//! or lack one.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::net::{self, HttpClient, HttpError};

/// The shortest time between two fetches, however often a key is wanted that is not there.
pub const BETWEEN_FETCHES: Duration = Duration::from_secs(60);

/// The same while there are no keys at all.
pub const BETWEEN_FIRST_FETCHES: Duration = Duration::from_secs(5);

/// Longest wait for the keys. API Gateway waits ten seconds for an authorizer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The most bytes that are read. A set of a dozen RSA keys with certificates has 30 kB.
const MOST_BYTES: usize = 256 * 1024;

/// There are no keys: none could be fetched so far.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the keys could not be fetched")]
pub struct NoKeys;

/// The keys at one address, each a `K`.
pub struct KeySet<K> {
    http: HttpClient,
    url: Url,
    /// How long the keys are kept, so that a key which is withdrawn is not accepted for ever.
    kept_for: Duration,
    /// Reads one element of the set; nothing if it cannot be used.
    read: fn(&Value) -> Option<K>,
    kept: Mutex<Kept<K>>,
}

struct Kept<K> {
    keys: Vec<K>,
    /// When these keys were fetched.
    fetched: Option<Instant>,
    /// When the server was last asked, whatever came of it.
    asked: Option<Instant>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Why there are no keys.
#[derive(Debug, Error)]
enum FetchError {
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("there was no response in time")]
    TimedOut,
    #[error("the status was {0}")]
    Status(u16),
    #[error("the response is not a set of keys")]
    NotKeys,
}

impl<K: Clone> KeySet<K> {
    /// The keys at `url`, which are fetched when the first is wanted.
    pub fn new(http: HttpClient, url: Url, kept_for: Duration, read: fn(&Value) -> Option<K>) -> Self {
        let kept = Mutex::new(Kept { keys: Vec::new(), fetched: None, asked: None });
        Self { http, url, kept_for, read, kept }
    }

    /// The first key that `is_wanted`, if there is one. When the keys cannot be fetched again, the old ones stay
    /// valid.
    ///
    /// # Errors
    ///
    /// When no keys could be fetched so far.
    pub async fn find(&self, is_wanted: impl Fn(&K) -> bool) -> Result<Option<K>, NoKeys> {
        // A request that arrives during a fetch waits for the result.
        let mut kept = self.kept.lock().await;
        let is_needed = !kept.keys.iter().any(&is_wanted) || older(kept.fetched, self.kept_for);
        let pause = if kept.fetched.is_some() { BETWEEN_FETCHES } else { BETWEEN_FIRST_FETCHES };
        if is_needed && older(kept.asked, pause) {
            kept.asked = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => {
                    kept.keys = keys;
                    kept.fetched = Some(Instant::now());
                }
                Err(cause) => tracing::error!(%cause, url = %self.url, "the keys could not be fetched"),
            }
        }
        kept.fetched.ok_or(NoKeys)?;
        Ok(kept.keys.iter().find(|key| is_wanted(key)).cloned())
    }

    async fn fetch(&self) -> Result<Vec<K>, FetchError> {
        let request = Request::get(self.url.as_str()).header("accept", "application/json").body(Bytes::new());
        let request = request.map_err(|_| HttpError::NotSent)?;
        let response = tokio::time::timeout(TIMEOUT, net::send(&self.http, request, MOST_BYTES)).await;
        let response = response.map_err(|_| FetchError::TimedOut)??;
        if !response.status.is_success() {
            return Err(FetchError::Status(response.status.as_u16()));
        }
        let set: Document = serde_json::from_slice(&response.body).map_err(|_| FetchError::NotKeys)?;
        let keys: Vec<_> = set.keys.iter().filter_map(self.read).collect();
        tracing::info!(keys = keys.len(), left_alone = set.keys.len() - keys.len(), "keys fetched");
        Ok(keys)
    }
}

/// Whether `then` was at least this long ago, or never.
fn older(then: Option<Instant>, than: Duration) -> bool {
    then.is_none_or(|then| then.elapsed() >= than)
}
