//! A double of fal.ai: a small HTTP server that validates, fails, waits and responds as fal does.
//!
//! With it, the whole product runs and is tested on one machine, without cost. The code under test talks HTTP
//! to it and cannot tell the difference, except that the pictures are drawn and not generated. It follows
//! fal's documentation and published schemas. Every documented failure (see [`Fault`]) can be injected, by
//! [`FalDouble::inject`] or over the `/_control` routes. The words of a prompt never change what it does.
//!
//! One router, mounted at [`Settings::public_url`], plays three hosts of fal:
//!
//! | fal | here | what |
//! | --- | --- | --- |
//! | `https://fal.run` | [`Settings::public_url`] | responds with the pictures on the same connection |
//! | `https://queue.fal.run` | [`FalDouble::queue_url`] | accepts a job; status, stream, result, cancellation |
//! | `https://rest.fal.ai/.well-known/jwks.json` | [`FalDouble::jwks_url`] | the keys of webhooks |
//!
//! # The queue
//!
//! A job takes as long as [`FalDouble::set_latency`] says, and its submitter may go away. All jobs run at once
//! until [`FalDouble::set_concurrency`] limits them; 0 stops the queue. Results stay as long as the double; of
//! a request with `X-Fal-Store-IO: 0`, for an hour, and for six minutes from 10 KB on; or as
//! [`FalDouble::set_result_ttl`] says. A waiting job that is cancelled never runs: it is completed, its result
//! is 499 with `client_cancelled`, and no webhook announces it. fal does not document this case.
//!
//! A fault hits one request of either host. On the queue, the faults of the door (`bad_key`, `account_locked`,
//! `unknown_endpoint`, `concurrency_limit`, `edge_unavailable`, `redirect`) refuse the submission. After
//! `connection_closed` and the other faults of the edge the job runs although the submission failed. All
//! others are the job's.
//!
//! # Webhooks
//!
//! [`FalDouble::webhooks`] sets what goes wrong with the webhooks of the jobs that are submitted afterwards
//! (see [`WebhookBehaviour`]), [`FalDouble::deliveries`] lists every attempt, and [`FalDouble::send_webhook`]
//! sends a well-signed webhook with any content.

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
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Json;
use axum::routing::{any, get, post};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use self::faults::{Fault, Injection};
pub use self::queue::{Delivery, QUEUE_PATH, Signer, StrangeWebhook, WEBHOOK_USER, WebhookBehaviour};
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
    jobs: queue::Jobs,
    webhooks: queue::Webhooks,
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
            jobs: queue::Jobs::default(),
            webhooks: queue::Webhooks::new(),
            photos: photos::Photos::new(),
            files: files::Files::new(settings.files),
        }))
    }

    /// The pictures. Like fal's own, they are for everyone who has the link. To be nested where
    /// [`Settings::public_url`] says.
    pub fn pictures(&self) -> Router {
        Router::new().route("/files/{name}", get(files::serve)).with_state(self.clone())
    }

    /// All other routes, to be nested there as well.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/redirected", any(generate::redirected))
            .route("/{*path}", post(generate::generate))
            .route(queue::JWKS_PATH, get(async |State(fal): State<Self>| Json(fal.jwks())))
            .nest(QUEUE_PATH, queue::routes())
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

    /// The base URL of the direct host, in the place of `https://fal.run`.
    pub fn url(&self) -> Url {
        self.0.public_url.clone()
    }

    /// The URL of a path below this double's own, such as `/redirected`.
    fn below(&self, path: &str) -> Url {
        let mut url = self.0.public_url.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
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
