//! A batch that outlives its request: hold, store, give fal's queue both jobs, respond. Webhooks, and requests
//! that ask fal, end it later.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use common::api::{self, Detail, Problem, RespondAsync, Response, ShownGeneration};
use common::batches::retry_after;
use common::fal::Submission;
use common::generations::{Callback, Generation, Slot, Status, Token};
use common::ledger::{Hold, HoldOutcome, HoldRefused};
use futures::FutureExt;
use futures::future::join;
use lambda_http::http::HeaderValue;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::GenerateImage;
use crate::delivered::{Delivered, locate};
use crate::generate::{Order, Prepared, replay};
use crate::plan::Plan;
use crate::request::GenerationRequest;

/// Kept back from the function's time to record what fal said and to respond; of a short time, a quarter.
const RESPOND_MARGIN: Duration = Duration::from_secs(4);

/// The pauses between two looks at a batch that is waited for: a little longer each time, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A batch that was asked for, now or before.
enum Found {
    Delivered(Generation),
    Running { generation: Generation, is_repeat: bool },
}

impl GenerateImage {
    /// Where fal finds this API: at the operator's public URL, or at the host that API Gateway was called by.
    pub(crate) fn public_url(&self, host: Option<&str>) -> Result<Url, Problem> {
        let url = match (&self.public_url, host) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(host)) => Url::parse(&format!("https://{host}")).ok(),
            (None, None) => None,
        };
        url.ok_or_else(|| Problem::internal("the event names no host, and PUBLIC_URL is not set"))
    }

    /// Starts the batch that `request` asks for, waits for it as long as the client prefers, and responds with the
    /// pictures or with the running batch.
    pub(crate) async fn generate_async(
        &self,
        order: &Order<'_>,
        request: GenerationRequest,
        preference: RespondAsync,
        public_url: &Url,
    ) -> Result<Response, Problem> {
        let wait_until = order.clock.before_deadline(RESPOND_MARGIN, 4);
        let wait_until = wait_until.min(Instant::now() + preference.wait.unwrap_or_default());
        let lease_until = order.clock.arrived_at() + self.batch.async_lease;
        let found = match self.prepare(order, request, lease_until).await? {
            Prepared::Delivered(generation) => Found::Delivered(*generation),
            Prepared::New(pending, plan) => self.start_or_find(order, *pending, &plan, public_url).await?,
        };
        let mut response = match found {
            Found::Delivered(generation) => replay(generation).into_response()?,
            Found::Running { generation, is_repeat } => {
                self.wait(order, generation, is_repeat, wait_until).await?
            }
        };
        if let Ok(applied) = HeaderValue::from_str(&preference.applied()) {
            response.headers_mut().insert("preference-applied", applied);
        }
        Ok(response)
    }

    async fn start_or_find(
        &self,
        order: &Order<'_>,
        mut pending: Generation,
        plan: &Plan,
        public_url: &Url,
    ) -> Result<Found, Problem> {
        let now = order.clock.arrived_at();
        let tokens = [Token::random(), Token::random()];
        let addresses = Slot::BOTH.map(|slot| {
            let (user_id, token) = (order.user_id.clone(), tokens[slot.index()].clone());
            Callback { user_id, generation_id: pending.generation_id, slot, token }.address(public_url)
        });
        pending.token_hashes = Some(tokens.each_ref().map(Token::hash));
        pending.queued = Some(Default::default());
        pending.check_at = Some(self.batches.first_check(now));
        match self.batches.ledger().hold(&pending, now).await {
            Ok(HoldOutcome::Held(hold)) => {
                let started = AssertUnwindSafe(self.submit(order, &hold, &mut pending, plan, &addresses));
                let started = started.catch_unwind().await;
                let started =
                    started.unwrap_or_else(|_| Err(Problem::internal("submitting the batch panicked")));
                if let Err(problem) = started {
                    let release = self.release(&hold, &problem, order.clock.now());
                    join(release, self.batches.delete_photos(&pending)).await;
                    return Err(problem);
                }
                Ok(Found::Running { generation: pending, is_repeat: false })
            }
            Ok(HoldOutcome::Replay(generation)) => Ok(Found::Delivered(*generation)),
            // A repeat finds the running batch, and asks fal about the batch if that is due.
            Err(HoldRefused::InProgress(running)) => {
                let generation = self.batches.pull(*running, now).await?;
                Ok(Found::Running { generation, is_repeat: true })
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// Stores the photos, gives fal's queue both jobs, and records fal's ids of them. If the function dies here,
    /// the webhooks tell what fal has, and the lease ends what fal does not have.
    async fn submit(
        &self,
        order: &Order<'_>,
        hold: &Hold,
        pending: &mut Generation,
        plan: &Plan,
        webhooks: &[Url; 2],
    ) -> Result<(), Problem> {
        let until = order.clock.before_deadline(RESPOND_MARGIN, 4);
        self.store(plan, until).await?;
        let submit = |webhook| self.batches.fal().submit(&plan.input, webhook, until);
        let [first, second] = webhooks;
        let (first, second) = join(submit(first), submit(second)).await;
        let mut refusal = None;
        let jobs = pending.queued.iter_mut().flatten();
        for (job, submitted) in jobs.zip([first, second]) {
            match submitted {
                Ok(Submission::Accepted { request_id, queue_position }) => {
                    (job.request_id, job.queue_position) = (Some(request_id), queue_position);
                }
                Ok(Submission::Unknown) => {}
                Err(error) => refusal = Some(error),
            }
        }
        if let Some(refused) = refusal {
            self.batches.cancel(pending, &Slot::BOTH).await;
            return Err(refused.into());
        }
        let Generation { user_id, generation_id, job, queued, .. } = pending;
        tracing::info!(%user_id, %generation_id, model = job.model, "batch submitted");
        tracing::debug!(%generation_id, payload = %job.payload, "sent to fal");
        if let Some(jobs) = queued
            && let Err(cause) = self.batches.ledger().record_jobs(hold, jobs).await
        {
            tracing::warn!(%user_id, %generation_id, %cause, "fal's ids are not recorded, the webhooks bring them");
        }
        Ok(())
    }

    /// Looks at the batch until it has ended or `until`.
    async fn wait(
        &self,
        order: &Order<'_>,
        mut generation: Generation,
        is_repeat: bool,
        until: Instant,
    ) -> Result<Response, Problem> {
        let mut pause = FIRST_PAUSE;
        loop {
            match generation.status_at(order.clock.now()) {
                Status::Succeeded if is_repeat => return replay(generation).into_response(),
                Status::Succeeded => return Delivered { generation, replayed: false }.into_response(),
                Status::Failed | Status::Expired => return Err(Problem::from(&generation)),
                Status::Pending if Instant::now() + pause >= until => return running(&generation, order),
                Status::Pending => sleep(pause).await,
            }
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
            let found = self.batches.generations().find(&generation.user_id, generation.generation_id).await;
            match found {
                Ok(Some(found)) if found.attempt_id == generation.attempt_id => generation = found,
                // This attempt has failed, and the same request has begun again.
                Ok(Some(_)) => return Err(Problem::new(Detail::ProviderFailed)),
                Ok(None) | Err(_) => {}
            }
        }
    }
}

/// The response to a request whose batch goes on.
fn running(generation: &Generation, order: &Order<'_>) -> Result<Response, Problem> {
    let now = order.clock.now();
    let mut response =
        api::accepted(&ShownGeneration::of(generation, now), retry_after(generation.created_at, now))?;
    locate(&mut response, generation.generation_id);
    Ok(response)
}
