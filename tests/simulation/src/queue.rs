//! fal's queue in a world: jobs, their results, and the webhooks that tell of them, or do not.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use common::generations::{Callback, Slot};
use fastrand::Rng;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kit::auditor::Snapshot;
use kit::events::HttpApiEvent;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;

use crate::servers::{FalBehaviour, respond};

/// fal gives up on a webhook after so many tries here; each pause is twice as long as the one before.
pub const MAX_DELIVERIES: u32 = 5;

/// The queue of a world.
pub struct Queue {
    key: Ed25519KeyPair,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    jobs: BTreeMap<String, Job>,
}

#[derive(Clone)]
struct Job {
    webhook: Url,
    ends: Instant,
    /// The model's status and body.
    result: (u16, Value),
}

/// How a job's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    pub job_takes: Duration,
    pub lost: bool,
    pub delay: Duration,
    pub twice: bool,
    /// Its timestamp is ten minutes old.
    pub stale: bool,
    pub without_payload: bool,
    /// Somebody who is not fal sends another result before.
    pub forged_before: bool,
}

impl Queue {
    pub fn new(seed: u64) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let rng = Rng::with_seed(seed ^ 0x9E0E);
        Self { key, state: Mutex::new(State { rng, jobs: BTreeMap::new() }) }
    }

    /// Accepts a job whose webhook goes to `webhook`. Returns its id and how its end is told.
    pub fn submit(&self, webhook: Url, behaviour: FalBehaviour) -> (String, Telling) {
        let State { rng, jobs } = &mut *self.state.lock().expect("no panic");
        let id = format!("job-{}", jobs.len());
        let picture = |black: bool| {
            let url = format!("https://v3.fal.media/files/{id}.jpeg");
            (200, json!({"images": [{"url": url}], "has_nsfw_concepts": [black]}))
        };
        let fault =
            |kind: &str| (422, json!({"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": kind}]}));
        let (result, telling) = match behaviour {
            FalBehaviour::Quick => (picture(false), Telling::after(Duration::from_millis(300))),
            FalBehaviour::Silent => {
                (picture(false), Telling { lost: true, ..Telling::after(Duration::from_millis(300)) })
            }
            FalBehaviour::Broken => {
                ((500, json!({"detail": "boom"})), Telling::after(Duration::from_millis(300)))
            }
            FalBehaviour::AtRandom => {
                let result = match rng.u8(0..100) {
                    0..88 => picture(false),
                    88..91 => picture(true),
                    91..96 => fault("content_policy_violation"),
                    _ => (500, json!({"detail": "boom", "error_type": "internal_server_error"})),
                };
                (result, Telling::draw(rng))
            }
        };
        let ends = Instant::now() + telling.job_takes;
        jobs.insert(id.clone(), Job { webhook, ends, result });
        (id, telling)
    }

    /// Responds to a request for the keys, or for a job's status, result or cancellation; nothing if the request is
    /// for neither.
    pub fn serve(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        if path == "/.well-known/jwks.json" {
            let x = BASE64_URL_SAFE_NO_PAD.encode(self.key.public_key());
            let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]});
            return Some(respond(200, &keys.to_string()));
        }
        let (id, view) = match path.split_once("/requests/")?.1.split_once('/') {
            Some((id, view)) => (id.to_owned(), view),
            None => (path.split_once("/requests/")?.1.to_owned(), "result"),
        };
        let jobs = &mut self.state.lock().expect("no panic").jobs;
        let job = jobs.get_mut(&id)?;
        let has_ended = job.ends <= Instant::now();
        let (status, body) = match (view, request.method() == Method::PUT) {
            ("status", false) if has_ended && job.result.0 != 200 => {
                (200, json!({"status": "COMPLETED", "error": "failed"}))
            }
            ("status", false) if has_ended => (200, json!({"status": "COMPLETED"})),
            ("status", false) => (202, json!({"status": "IN_PROGRESS", "queue_position": 1})),
            ("result", false) if has_ended => job.result.clone(),
            ("result", false) => (400, json!({"detail": "Request is still in progress"})),
            ("cancel", true) if has_ended => (400, json!({"status": "ALREADY_COMPLETED"})),
            ("cancel", true) => (202, json!({"status": "CANCELLATION_REQUESTED"})),
            _ => (404, json!({"detail": "Not found"})),
        };
        Some(respond(status, &body.to_string()))
    }

    /// How many jobs were accepted.
    pub fn jobs(&self) -> usize {
        self.state.lock().expect("no panic").jobs.len()
    }

    /// Where the webhook of a job goes.
    pub fn address(&self, id: &str) -> Option<Url> {
        self.state.lock().expect("no panic").jobs.get(id).map(|job| job.webhook.clone())
    }

    /// fal's signature of a message, in hexadecimal digits.
    pub fn sign(&self, message: &str) -> String {
        hex::encode(self.key.sign(message.as_bytes()))
    }

    /// The webhook of a job that has ended, signed at `now`.
    pub fn webhook(&self, id: &str, now: Timestamp, telling: &Telling) -> HttpApiEvent {
        let job = self.state.lock().expect("no panic").jobs[id].clone();
        let (status, result) = job.result;
        let payload = if telling.without_payload { Value::Null } else { result };
        let body = match status {
            200 => json!({"request_id": id, "gateway_request_id": id, "status": "OK", "payload": payload}),
            _ => json!({
                "request_id": id, "gateway_request_id": id, "status": "ERROR", "payload": payload,
                "error": format!("Invalid status code: {status}"),
            }),
        };
        let age = if telling.stale { 600 } else { 0 };
        self.signed(&job.webhook, id, now.as_second() - age, &body, &self.key)
    }

    /// A webhook to the right address that fal did not sign, with a picture of somebody else's.
    pub fn forged(&self, id: &str, now: Timestamp) -> HttpApiEvent {
        let webhook = self.state.lock().expect("no panic").jobs[id].webhook.clone();
        let key = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a key");
        let payload = json!({"images": [{"url": "https://forged.example/x.jpeg"}]});
        let body = json!({"request_id": id, "status": "OK", "payload": payload});
        self.signed(&webhook, id, now.as_second(), &body, &key)
    }

    fn signed(&self, to: &Url, id: &str, at: i64, body: &Value, key: &Ed25519KeyPair) -> HttpApiEvent {
        let body = body.to_string();
        let message = format!("{id}\nuser\n{at}\n{}", hex::encode(Sha256::digest(&body)));
        let signature = hex::encode(key.sign(message.as_bytes()));
        let callback = to.path().rsplit('/').next().expect("a callback");
        HttpApiEvent::new("POST", to.path())
            .path_parameter("callback", callback)
            .header("x-fal-webhook-request-id", id)
            .header("x-fal-webhook-user-id", "user")
            .header("x-fal-webhook-timestamp", &at.to_string())
            .header("x-fal-webhook-signature", &signature)
            .body(body)
    }

    /// What an asynchronous batch was paid for without having been made for it: each picture is of the job that was
    /// submitted for this batch and this place.
    pub fn strange_pictures(&self, tables: &Snapshot) -> Vec<String> {
        let jobs = &self.state.lock().expect("no panic").jobs;
        let made_for = |url: &Value, generation: &Value, slot: Slot| {
            jobs.values().any(|job| {
                let segment = job.webhook.path().rsplit('/').next().and_then(Callback::parse);
                segment.is_some_and(|callback| {
                    callback.slot == slot
                        && callback.generation_id.to_string()
                            == generation["generation_id"].as_str().unwrap_or("")
                        && job.result.1["images"][0]["url"] == *url
                })
            })
        };
        let settled = tables
            .generations
            .iter()
            .filter(|row| row["status"] == "SUCCEEDED" && row["token_hashes"].is_array());
        let strange = settled
            .filter(|row| Slot::BOTH.iter().any(|slot| !made_for(&row["images"][slot.index()], row, *slot)));
        strange.map(|row| format!("paid for pictures of other jobs: {row}")).collect()
    }
}

impl Telling {
    fn after(job_takes: Duration) -> Self {
        Self {
            job_takes,
            lost: false,
            delay: Duration::ZERO,
            twice: false,
            stale: false,
            without_payload: false,
            forged_before: false,
        }
    }

    /// Every job in five takes longer than a lease may last, and most webhooks come on a good day.
    fn draw(rng: &mut Rng) -> Self {
        let job_takes = if rng.u8(0..5) == 0 { rng.u64(20_000..130_000) } else { rng.u64(200..20_000) };
        let delay = if rng.u8(0..4) == 0 { rng.u64(1_000..120_000) } else { 0 };
        Self {
            job_takes: Duration::from_millis(job_takes),
            lost: rng.u8(0..6) == 0,
            delay: Duration::from_millis(delay),
            twice: rng.u8(0..6) == 0,
            stale: rng.u8(0..8) == 0,
            without_payload: rng.u8(0..8) == 0,
            forged_before: rng.u8(0..6) == 0,
        }
    }
}
