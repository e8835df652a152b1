//! The issuer's public keys: fetched when one is needed, kept, and fetched again when they are old or lack
//! one.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use common::net::{self, HttpClient, HttpError};
use http::Request;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::key::Key;
use crate::token::Refused;

/// The keys are fetched again after this time, so that a key which the issuer withdraws is not accepted for
/// ever.
pub const KEPT: Duration = Duration::from_secs(10 * 60);

/// The shortest time between two fetches, however many tokens name a key that is not there.
pub const BETWEEN_FETCHES: Duration = Duration::from_secs(60);

/// The same while there are no keys at all, when nobody can sign in.
pub const BETWEEN_FIRST_FETCHES: Duration = Duration::from_secs(5);

/// Longest wait for the keys. API Gateway waits ten seconds for an authorizer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The most bytes that are read. A set of a dozen RSA keys with certificates has 30 kB.
const MOST_BYTES: usize = 256 * 1024;

/// The keys of one issuer.
pub struct Jwks {
    http: HttpClient,
    url: Url,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: HashMap<String, Key>,
    /// When these keys were fetched.
    fetched: Option<Instant>,
    /// When the issuer was last asked, whatever came of it.
    asked: Option<Instant>,
}

#[derive(Deserialize)]
struct KeySet {
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

impl Jwks {
    pub fn new(http: HttpClient, url: Url) -> Self {
        Self { http, url, kept: Mutex::default() }
    }

    /// The key with this id, if the issuer has one. When the keys cannot be fetched again, the old ones stay
    /// valid.
    pub async fn find(&self, id: &str) -> Result<Option<Key>, Refused> {
        // A request that arrives during a fetch waits for the result.
        let mut kept = self.kept.lock().await;
        let wanted = !kept.keys.contains_key(id) || older(kept.fetched, KEPT);
        let pause = if kept.fetched.is_some() { BETWEEN_FETCHES } else { BETWEEN_FIRST_FETCHES };
        if wanted && older(kept.asked, pause) {
            kept.asked = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => {
                    kept.keys = keys;
                    kept.fetched = Some(Instant::now());
                }
                Err(cause) => {
                    tracing::error!(%cause, url = %self.url, "the issuer's keys could not be fetched")
                }
            }
        }
        kept.fetched.ok_or(Refused::NoKeys)?;
        Ok(kept.keys.get(id).cloned())
    }

    async fn fetch(&self) -> Result<HashMap<String, Key>, FetchError> {
        let request = Request::get(self.url.as_str()).header("accept", "application/json").body(Bytes::new());
        let request = request.map_err(|_| HttpError::NotSent)?;
        let answer = tokio::time::timeout(TIMEOUT, net::send(&self.http, request, MOST_BYTES)).await;
        let answer = answer.map_err(|_| FetchError::TimedOut)??;
        if !answer.status.is_success() {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        let set: KeySet = serde_json::from_slice(&answer.body).map_err(|_| FetchError::NotKeys)?;
        let keys: HashMap<_, _> = set.keys.iter().filter_map(Key::of_jwk).collect();
        tracing::info!(keys = keys.len(), left_alone = set.keys.len() - keys.len(), "keys fetched");
        Ok(keys)
    }
}

/// Whether `then` was at least this long ago, or never.
fn older(then: Option<Instant>, than: Duration) -> bool {
    then.is_none_or(|then| then.elapsed() >= than)
}
