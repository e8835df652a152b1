//! A double of fal.ai: a small HTTP server that validates, fails, waits and responds as fal does.
//!
//! With it, the whole product runs and is tested on one machine, without cost. The code under test talks HTTP
//! to it and cannot tell the difference, except that the pictures are drawn and not generated. It follows
//! fal's documentation and published schemas. Every documented failure (see [`Fault`]) can be injected, by
//! [`FalDouble::inject`] or over the `/_control` routes. The words of a prompt never change what it does.

mod control;
mod failures;
mod faults;
mod files;
mod generate;
mod lax;
mod models;
mod photos;
mod pictures;
mod queue;
mod requests;
mod responses;
mod schema;
mod sizes;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{any, get, post};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use self::faults::{Fault, Injection};
pub use self::requests::RecordedRequest;

use self::responses::FalResponse;

/// How long a picture takes by default, as with fal's fast models.
pub const USUAL_LATENCY: RangeInclusive<Duration> = Duration::from_millis(1500)..=Duration::from_secs(3);

/// The largest request body in bytes: four photos as data URIs of 10 MiB each, and some room.
const LARGEST_BODY: usize = 64 << 20;

pub struct Settings {
    /// Where the router is mounted, such as `http://127.0.0.1:3000/_local/fal`. The pictures' URLs start
    /// with it.
    pub public_url: Url,
    /// The one key that is accepted, `id:secret`.
    pub key: SecretString,
    /// How long one picture takes, including the drawing; chosen at random within the range. Zero means as
    /// fast as possible.
    pub latency: RangeInclusive<Duration>,
    /// A folder in which the pictures survive a restart; `None` keeps them in memory.
    pub files: Option<PathBuf>,
}

/// A running double. Clones share everything.
#[derive(Clone)]
pub struct FalDouble(Arc<Inner>);

struct Inner {
    public_url: Url,
    key: SecretString,
    latency: Mutex<RangeInclusive<Duration>>,
    /// Oldest first.
    faults: Mutex<Vec<Injection>>,
    log: requests::RequestLog,
    queue: queue::Queue,
    photos: photos::Photos,
    files: files::Files,
}

impl FalDouble {
    /// A double without faults and with nothing recorded.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            public_url: settings.public_url,
            key: settings.key,
            latency: Mutex::new(settings.latency),
            faults: Mutex::default(),
            log: requests::RequestLog::default(),
            queue: queue::Queue::default(),
            photos: photos::Photos::new(),
            files: files::Files::new(settings.files),
        }))
    }

    /// The routes, to be nested where [`Settings::public_url`] says.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/files/{name}", get(files::serve))
            .route("/redirected", any(generate::redirected))
            .route("/{*path}", post(generate::generate).get(queue::respond).put(queue::respond))
            .merge(control::routes())
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.clone())
    }

    /// Makes coming generation requests fail. Only requests with the right key and a known model count.
    /// Injections are independent; when two would hit the same request, the older one does.
    pub fn inject(&self, injection: Injection) {
        locked(&self.0.faults).push(injection);
    }

    pub fn clear_faults(&self) {
        locked(&self.0.faults).clear();
    }

    /// Awaits `work` without any latency, and forgets its requests: for preparations.
    pub async fn without_delay<T>(&self, work: impl Future<Output = T>) -> T {
        let usual = std::mem::replace(&mut *locked(&self.0.latency), Duration::ZERO..=Duration::ZERO);
        let done = work.await;
        *locked(&self.0.latency) = usual;
        self.0.log.clear();
        done
    }

    /// The newest 500 requests, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.0.log.all()
    }

    /// Sets how long every picture takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        *locked(&self.0.latency) = latency..=latency;
    }

    /// Requires exactly `Key <id>:<secret>`, and refuses the rest in fal's words.
    fn check_key(&self, headers: &HeaderMap, app: &str) -> Result<(), FalResponse> {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let expected = format!("Key {}", self.0.key.expose_secret());
        let detail = match given {
            Some(given) if given == expected.as_bytes() => return Ok(()),
            None => format!(
                "Cannot access application '{app}'. Authentication is required to access this application."
            ),
            Some(given) if given.starts_with(b"Key ") && given.contains(&b':') => {
                "No user found for Key ID and Secret".to_owned()
            }
            Some(_) => {
                "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.".to_owned()
            }
        };
        Err(FalResponse::bare(StatusCode::UNAUTHORIZED, &detail))
    }
}

/// The value behind a lock. A panic elsewhere cannot leave it half-written: every change here is one step.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
