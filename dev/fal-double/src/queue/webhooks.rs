//! Webhooks: the end of a job, signed and posted to the URL of its submission; and all that can go wrong.

use std::sync::Mutex;
use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;
use uuid::Uuid;

use crate::photos::client_without_tls;
use crate::responses::FalResponse;
use crate::{FalDouble, locked};

/// The account of this double, in `X-Fal-Webhook-User-Id`.
pub const WEBHOOK_USER: &str = "user-of-the-double";
/// Where the keys are, below the double's own URL.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";
/// Another account, which fal's key signs for as well.
const STRANGER: &str = "someone-else";
/// fal waits so long for the response to a webhook.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a webhook is repeated until it is answered with 2xx.
const REPEATS: u32 = 10;
/// The pause before the first repeat, in milliseconds. It doubles, so that the ten repeats take two hours.
const FIRST_PAUSE: u64 = 7_038;
/// The age of a stale timestamp, in seconds: twice what a receiver accepts.
const STALE: i64 = 600;

/// How webhooks are delivered. The default is how fal does it on a good day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookBehaviour {
    /// The webhook is never sent.
    pub lost: bool,
    /// How long after the end of the job it is sent.
    pub delay_milliseconds: u64,
    /// It is sent a second time although the first was accepted.
    pub duplicated: bool,
    /// It is held until the webhook of the next such job was delivered.
    pub reversed: bool,
    /// It is delivered before the submission is answered.
    pub before_reply: bool,
    /// Its timestamp is ten minutes old, and the signature is right for that.
    pub stale: bool,
    /// `payload` is null with a `payload_error`, as when fal cannot put the result into the webhook.
    pub payload_null: bool,
    pub signer: Signer,
    /// Repeats have the timestamp and the signature of the first attempt.
    pub repeats_keep_signature: bool,
    /// The pause before the first repeat; each further one is twice as long. `None` means fal's, with which the
    /// ten repeats take two hours.
    pub first_pause_milliseconds: Option<u64>,
}

impl WebhookBehaviour {
    /// Whether the submission waits for the first attempt: never for one that might not come.
    pub fn comes_before_the_reply(&self) -> bool {
        self.before_reply && !self.lost && !self.reversed
    }
}

/// Who signs, and for whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// fal, for the account of the job.
    #[default]
    Fal,
    /// fal, for the account `someone-else`: the signature is right.
    AnotherAccount,
    /// Somebody with a key that is not in the key set.
    Forger,
}

/// A signed webhook with any content to any URL, as fal sends it for the job of a stranger.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrangeWebhook {
    pub url: String,
    pub body: Value,
    /// `X-Fal-Webhook-Request-Id`.
    pub request_id: String,
    /// `X-Fal-Webhook-User-Id`.
    #[serde(default = "StrangeWebhook::stranger")]
    pub user_id: String,
}

impl StrangeWebhook {
    fn stranger() -> String {
        STRANGER.to_owned()
    }
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Delivery {
    pub request_id: String,
    pub url: String,
    /// 1 for the first. A duplicate starts again with 1.
    pub attempt: u32,
    /// The status of the response; `None` when there was no response within 15 seconds.
    pub status: Option<u16>,
}

/// The sender of webhooks.
pub struct Webhooks {
    client: reqwest::Client,
    key: Ed25519KeyPair,
    forged: Ed25519KeyPair,
    behaviour: Mutex<WebhookBehaviour>,
    held: Mutex<Option<Webhook>>,
    deliveries: watch::Sender<Vec<Delivery>>,
}

struct Webhook {
    url: String,
    request_id: String,
    user_id: String,
    body: Bytes,
    behaviour: WebhookBehaviour,
}

struct Signature {
    /// In seconds since 1970.
    timestamp: i64,
    hex: String,
}

impl Webhooks {
    /// A sender with a key of its own. It follows no redirect and uses no proxy.
    pub fn new() -> Self {
        let client =
            client_without_tls().timeout(DELIVERY_TIMEOUT).redirect(reqwest::redirect::Policy::none());
        Self {
            client: client.build().expect("constant settings are valid"),
            key: random_key(),
            forged: random_key(),
            behaviour: Mutex::default(),
            held: Mutex::default(),
            deliveries: watch::Sender::default(),
        }
    }

    pub fn behaviour(&self) -> WebhookBehaviour {
        locked(&self.behaviour).clone()
    }

    /// The public key, as a JSON Web Key Set.
    fn jwks(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": &x[..8] }] })
    }

    /// Returns after the first attempt for this job.
    pub async fn delivered(&self, id: Uuid) {
        let id = id.to_string();
        let mut deliveries = self.deliveries.subscribe();
        // The sender lives as long as the double.
        let _ = deliveries.wait_for(|all| all.iter().any(|delivery| delivery.request_id == id)).await;
    }

    /// Announces the end of a job: sends its webhook until it is accepted, as the behaviour says.
    pub async fn announce(&self, id: Uuid, url: String, behaviour: WebhookBehaviour, response: &FalResponse) {
        if behaviour.lost {
            return;
        }
        tokio::time::sleep(Duration::from_millis(behaviour.delay_milliseconds)).await;
        let user_id = match behaviour.signer {
            Signer::AnotherAccount => STRANGER,
            _ => WEBHOOK_USER,
        };
        let webhook = Webhook {
            url,
            request_id: id.to_string(),
            user_id: user_id.to_owned(),
            body: body(id, response, behaviour.payload_null),
            behaviour,
        };
        if !webhook.behaviour.reversed {
            return self.deliver(&webhook).await;
        }
        let earlier = locked(&self.held).take();
        match earlier {
            Some(earlier) => {
                self.deliver(&webhook).await;
                self.deliver(&earlier).await;
            }
            None => *locked(&self.held) = Some(webhook),
        }
    }

    async fn deliver(&self, webhook: &Webhook) {
        self.repeat_until_accepted(webhook).await;
        if webhook.behaviour.duplicated {
            self.repeat_until_accepted(webhook).await;
        }
    }

    async fn repeat_until_accepted(&self, webhook: &Webhook) {
        let mut signature = self.sign(webhook);
        let first = webhook.behaviour.first_pause_milliseconds.unwrap_or(FIRST_PAUSE);
        let mut pause = Duration::from_millis(first);
        for attempt in 1.. {
            let status = self.attempt(webhook, &signature, attempt).await.status;
            if matches!(status, Some(200..300)) || attempt > REPEATS {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            if !webhook.behaviour.repeats_keep_signature {
                signature = self.sign(webhook);
            }
        }
    }

    async fn attempt(&self, webhook: &Webhook, signature: &Signature, attempt: u32) -> Delivery {
        let request = self
            .client
            .post(&webhook.url)
            .header("content-type", "application/json")
            .header("x-fal-webhook-request-id", &webhook.request_id)
            .header("x-fal-webhook-user-id", &webhook.user_id)
            .header("x-fal-webhook-timestamp", signature.timestamp.to_string())
            .header("x-fal-webhook-signature", &signature.hex)
            .body(webhook.body.clone());
        let status = request.send().await.ok().map(|response| response.status().as_u16());
        let (request_id, url) = (webhook.request_id.clone(), webhook.url.clone());
        let delivery = Delivery { request_id, url, attempt, status };
        self.deliveries.send_modify(|all| all.push(delivery.clone()));
        delivery
    }

    /// ED25519 over request id, user id, timestamp and the body's SHA-256, one a line.
    fn sign(&self, webhook: &Webhook) -> Signature {
        let Webhook { request_id, user_id, body, behaviour, .. } = webhook;
        let timestamp = Timestamp::now().as_second() - if behaviour.stale { STALE } else { 0 };
        let hash = hex::encode(digest::digest(&digest::SHA256, body));
        let key = if behaviour.signer == Signer::Forger { &self.forged } else { &self.key };
        let signature = key.sign(format!("{request_id}\n{user_id}\n{timestamp}\n{hash}").as_bytes());
        Signature { timestamp, hex: hex::encode(signature) }
    }
}

fn random_key() -> Ed25519KeyPair {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).expect("the system has random bytes");
    Ed25519KeyPair::from_seed_unchecked(&seed).expect("every seed of 32 bytes is a key")
}

fn body(id: Uuid, response: &FalResponse, payload_null: bool) -> Bytes {
    let mut body = json!({ "request_id": id, "gateway_request_id": id, "status": "OK" });
    if !response.status.is_success() {
        body["status"] = json!("ERROR");
        body["error"] = json!(format!("Invalid status code: {}", response.status.as_u16()));
    }
    body["payload"] = match serde_json::from_slice(&response.body) {
        Ok(payload) if !payload_null => payload,
        _ => {
            body["payload_error"] = json!("Response payload is not JSON serializable.");
            Value::Null
        }
    };
    body.to_string().into()
}

impl FalDouble {
    /// Where the keys of the webhooks' signatures are, in the place of `https://rest.fal.ai/…`.
    pub fn jwks_url(&self) -> Url {
        self.below(JWKS_PATH)
    }

    pub(crate) fn jwks(&self) -> Value {
        self.0.webhooks.jwks()
    }

    /// Sets how the webhooks of the jobs that are submitted from now on are delivered.
    pub fn webhooks(&self, behaviour: WebhookBehaviour) {
        *locked(&self.0.webhooks.behaviour) = behaviour;
    }

    /// All attempts to deliver webhooks, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.0.webhooks.deliveries.borrow().clone()
    }

    pub(crate) fn forget_deliveries(&self) {
        self.0.webhooks.deliveries.send_modify(Vec::clear);
    }

    /// Sends one webhook with a right signature and any content, once: for tests of a receiver.
    pub async fn send_webhook(&self, webhook: StrangeWebhook) -> Delivery {
        let StrangeWebhook { url, body, request_id, user_id } = webhook;
        let behaviour = WebhookBehaviour::default();
        let webhook = Webhook { url, request_id, user_id, body: body.to_string().into(), behaviour };
        self.0.webhooks.attempt(&webhook, &self.0.webhooks.sign(&webhook), 1).await
    }
}
