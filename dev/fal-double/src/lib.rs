//! A double of fal.ai: a real small HTTP server that validates, fails, waits and draws as fal does.
//!
//! It exists so that the whole product can be run and tested on one machine, for nothing: the code under
//! test talks HTTP to it and cannot tell the difference, save that the pictures are drawn and not generated.
//! What it knows of fal comes from fal's documentation and its published schemas. It can be told to fail in
//! every way that is documented (see [`Fault`]), by [`FalDouble::inject`] or over its `/_control` routes;
//! no word in a prompt changes what it does.

mod answers;
mod canvas;
mod control;
mod drawing;
mod failures;
mod faults;
mod fields;
mod files;
mod generate;
mod lenient;
mod lettering;
mod models;
mod photos;
mod queue;
mod requests;
mod sizes;
mod validation;

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

use self::answers::Answer;

/// How long a picture takes unless something else is set: what fal's fast models need.
pub const USUAL_LATENCY: RangeInclusive<Duration> = Duration::from_millis(1500)..=Duration::from_secs(3);

/// The largest request body in bytes: four photos as data URIs of 10 MiB each, and some room.
const LARGEST_BODY: usize = 64 << 20;

/// What the double needs to know.
pub struct Settings {
    /// Where the router is mounted, such as `http://127.0.0.1:3000/_local/fal`: the links to the pictures
    /// start with it.
    pub public_url: Url,
    /// The one key that is accepted, `id:secret`.
    pub key: SecretString,
    /// How long one picture takes, drawing included; the time is chosen at random within the range.
    /// Zero means as fast as possible.
    pub latency: RangeInclusive<Duration>,
    /// A folder for the pictures, so that they survive a restart; `None` keeps them in memory.
    pub files: Option<PathBuf>,
}

/// The double. Clones share everything.
#[derive(Clone)]
pub struct FalDouble(Arc<Inner>);

struct Inner {
    public_url: Url,
    key: SecretString,
    latency: Mutex<RangeInclusive<Duration>>,
    faults: Mutex<faults::Plan>,
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
            .route("/{*path}", post(generate::generate).get(queue::look).put(queue::cancel))
            .merge(control::routes())
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self.clone())
    }

    /// Makes coming generation requests fail. Only requests that carry the right key and name a known model
    /// count. Injections are independent; when two would hit the same request, the older one does.
    pub fn inject(&self, injection: Injection) {
        locked(&self.0.faults).add(injection);
    }

    /// Ends all injected faults.
    pub fn clear_faults(&self) {
        locked(&self.0.faults).clear();
    }

    /// Awaits `work` with pictures made at once, and forgets its requests: for preparations that nobody watches.
    pub async fn without_delay<T>(&self, work: impl Future<Output = T>) -> T {
        let usual = std::mem::replace(&mut *locked(&self.0.latency), Duration::ZERO..=Duration::ZERO);
        let done = work.await;
        *locked(&self.0.latency) = usual;
        self.0.log.clear();
        done
    }

    /// The requests that arrived, oldest first: the newest 500.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.0.log.all()
    }

    /// Sets the time that every picture takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        *locked(&self.0.latency) = latency..=latency;
    }

    /// Refuses whatever is not exactly `Key <id>:<secret>`, in fal's words.
    fn check_key(&self, headers: &HeaderMap, app: &str) -> Result<(), Answer> {
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
        Err(Answer::bare(StatusCode::UNAUTHORIZED, &detail))
    }
}

/// The value behind a lock. A panic elsewhere while it was held leaves nothing here in a bad state.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
