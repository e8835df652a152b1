//! `POST /api/fal-webhook/{callback}`: fal says what became of a job. The address proves that we asked for it, the
//! signature that fal says it; and where either is not enough, fal's queue is asked with our own key.

mod signature;

use std::time::Duration;

use common::api::{self, Anyone, Call, Detail, Endpoint, Problem, Response, Route};
use common::batches::{Batches, BatchesConfig};
use common::fal::{JobState, Report, Webhook};
use common::function::{Function, Platform, StartError};
use common::generations::{Callback, Generation, Slot, Status};
use common::key_set::KeySet;
use common::metrics::{self, Metric};
use common::settings::{Settings, http_url};
use serde_json::json;
use url::Url;

use signature::{FalPublicKey, Signed};

/// How long fal's public keys may be kept, as fal's documentation says.
const KEYS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where fal publishes them.
const JWKS_URL: &str = "https://rest.fal.ai/.well-known/jwks.json";

#[derive(Debug, Clone)]
pub struct Config {
    batches: BatchesConfig,
    jwks_url: Url,
    /// The operator's account at fal.
    fal_user_id: Option<String>,
}

pub struct FalWebhook {
    batches: Batches,
    keys: KeySet<FalPublicKey>,
    fal_user_id: Option<String>,
}

impl Function for FalWebhook {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;

    fn load(settings: &mut Settings<'_>) -> Option<Config> {
        let batches = BatchesConfig::load(settings);
        let fals = Url::parse(JWKS_URL).expect("a constant URL");
        let jwks_url = settings.parsed("FAL_JWKS_URL", fals, http_url);
        let fal_user_id = settings.optional("FAL_USER_ID");
        Some(Config { batches: batches?, jwks_url: jwks_url?, fal_user_id })
    }

    async fn connect(config: Config, platform: &Platform<'_>) -> Result<Self, StartError> {
        let Config { batches, jwks_url, fal_user_id } = config;
        let keys = KeySet::new(platform.http()?, jwks_url, KEYS_KEPT, FalPublicKey::of_jwk);
        Ok(Self { batches: Batches::connect(batches, platform).await?, keys, fal_user_id })
    }
}

impl Endpoint for FalWebhook {
    type Caller = Anyone;
    const ROUTES: &'static [Route] = &[Route::post("/api/fal-webhook/{callback}")];

    /// A 200 means that fal need not tell again: the result is recorded, or came too late. After a 503 fal tells
    /// again.
    async fn respond(&self, call: Call<'_, Anyone>) -> Result<Response, Problem> {
        let unknown = || Problem::new(Detail::NoSuchAddress);
        let callback = call.path_parameter("callback").and_then(Callback::parse).ok_or_else(unknown)?;
        let found = self.batches.generations().find(&callback.user_id, callback.generation_id).await?;
        let generation = found.filter(|found| callback.belongs_to(found)).ok_or_else(unknown)?;
        let trust = self.trust(&call, &generation, callback.slot).await?;
        if generation.status == Status::Pending {
            self.take(&call, generation, callback.slot, trust).await?;
        }
        api::ok(&json!({"received": true}))
    }
}

/// How far a webhook with the right address is believed.
enum Trust {
    /// Signed by fal just now, about our job: what it says holds.
    Signed(Webhook),
    /// Signed by fal some time ago: it names the job, and no more.
    Stale(Webhook),
    /// fal's keys cannot be fetched: it says no more than that something happened.
    Unverified,
}

impl FalWebhook {
    async fn trust(
        &self,
        call: &Call<'_, Anyone>,
        generation: &Generation,
        slot: Slot,
    ) -> Result<Trust, Problem> {
        let forged = |cause: &str| {
            metrics::count(Metric::WebhooksRefused, 1);
            tracing::warn!(generation_id = %generation.generation_id, %slot, cause, "webhook refused");
            Problem::new(Detail::ForgedWebhook)
        };
        let signed = Signed::of(call)?.ok_or_else(|| forged("it is not signed"))?;
        match self.keys.find(|key| signed.is_by(key)).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(forged("its signature is not fal's")),
            Err(_) => return Ok(Trust::Unverified),
        }
        if self.fal_user_id.as_ref().is_some_and(|user| *user != signed.user_id) {
            return Err(forged("it is about another account"));
        }
        let webhook = Webhook::read(call.bytes()).ok_or_else(|| forged("its body is no webhook"))?;
        let known =
            generation.queued.as_ref().and_then(|pictures| pictures[slot.index()].request_id.as_ref());
        if known.is_some_and(|known| *known != webhook.request_id) {
            return Err(forged("it is about another job"));
        }
        let is_fresh = signed.is_fresh(call.clock.now());
        let (generation_id, fal_user_id) = (generation.generation_id, &signed.user_id);
        tracing::info!(%generation_id, %slot, fal_user_id, is_fresh, "webhook of fal received");
        Ok(if is_fresh { Trust::Signed(webhook) } else { Trust::Stale(webhook) })
    }

    async fn take(
        &self,
        call: &Call<'_, Anyone>,
        mut generation: Generation,
        slot: Slot,
        trust: Trust,
    ) -> Result<(), Problem> {
        let (request_id, report) = match trust {
            Trust::Signed(Webhook { request_id, report }) => (request_id, report),
            Trust::Stale(Webhook { request_id, .. }) => (request_id, Report::Ended),
            Trust::Unverified => {
                let known =
                    generation.queued.as_ref().and_then(|pictures| pictures[slot.index()].request_id.clone());
                (known.ok_or_else(|| not_now("fal's keys could not be fetched"))?, Report::Ended)
            }
        };
        let result = match report {
            Report::Made(url) => Ok(url),
            Report::Failed(error) => Err(error),
            Report::Ended => match self.batches.fal().job(&generation.job.model, &request_id).await {
                Ok(JobState::Made(url)) => Ok(url),
                Ok(JobState::Failed(error)) => Err(error),
                Ok(JobState::Pending { .. }) => {
                    return Err(not_now("fal's queue says that the job has not ended"));
                }
                Err(error) => return Err(not_now(&error.to_string())),
            },
        };
        Ok(self.batches.take(&mut generation, slot, &request_id, result, call.clock.now()).await?)
    }
}

/// Nothing could be recorded, so fal must tell again.
fn not_now(cause: &str) -> Problem {
    Problem::new(Detail::DatabaseBusy).caused_by(cause)
}
