//! One paid generation, top to bottom: hold, store, ask fal, settle or release.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use common::api::{Clock, Detail, Problem};
use common::batches::{count_paid, log_settled};
use common::coins::Coins;
use common::fal::{FalError, Input, Picture, Tickets};
use common::generations::{Generation, Status};
use common::idempotency::IdempotencyKey;
use common::identity::UserId;
use common::ids::{AttemptId, GenerationId};
use common::ledger::{Hold, HoldOutcome, Released, SettleRefused};
use common::metrics::{self, Metric};
use common::uploads::{ObjectKey, UploadError};
use futures::FutureExt;
use futures::future::{join, try_join, try_join_all};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};

use crate::GenerateImage;
use crate::delivered::Delivered;
use crate::plan::Plan;
use crate::request::GenerationRequest;
use crate::uploaded;

/// Kept back from the function's time to settle or release; of a short time, a quarter.
const SETTLE_MARGIN: Duration = Duration::from_secs(3);

/// Kept back from that to respond, whatever the database does: of a short time, a twentieth.
const RESPONSE_MARGIN: Duration = Duration::from_millis(500);

/// How long a lease outlives its function. The coins of a batch that can still be delivered must not be given
/// back, and clocks differ.
const LEASE_AFTER_DEADLINE: SignedDuration = SignedDuration::from_secs(60);

/// How long a photo can be fetched after the lease of its batch, because clocks differ. After the lease fal may still
/// start a job, but nobody waits for its picture any more.
const FETCHABLE_AFTER_LEASE: SignedDuration = SignedDuration::from_mins(3);

/// Who asks for a batch, when, and under which key.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub user_id: &'a UserId,
    pub clock: &'a Clock,
    pub key: Option<&'a IdempotencyKey>,
}

/// What a request comes to before anything is held.
pub(crate) enum Prepared {
    /// A batch that can be held, and the plan to make it.
    New(Box<Generation>, Box<Plan>),
    /// A batch that was delivered before.
    Delivered(Box<Generation>),
}

impl GenerateImage {
    /// Makes the batch that `request` asks for, or replays it if it was delivered before.
    pub(crate) async fn generate(
        &self,
        order: &Order<'_>,
        request: GenerationRequest,
    ) -> Result<Delivered, Problem> {
        let clock = order.clock;
        let work_until = clock.before_deadline(SETTLE_MARGIN, 4);
        let decide_until = clock.before_deadline(RESPONSE_MARGIN, 20);
        let lease_until = clock.deadline() + LEASE_AFTER_DEADLINE;
        let (pending, plan) = match self.prepare(order, request, lease_until).await? {
            Prepared::New(pending, plan) => (*pending, plan),
            Prepared::Delivered(generation) => return Ok(replay(*generation)),
        };
        let hold = match self.batches.ledger().hold(&pending, clock.arrived_at()).await? {
            HoldOutcome::Held(hold) => hold,
            HoldOutcome::Replay(generation) => return Ok(replay(*generation)),
        };
        let tickets = Tickets::default();
        // From here on, no way leads out but settle or release.
        let made = AssertUnwindSafe(self.make_and_read_balance(&plan, &pending, work_until, &tickets))
            .catch_unwind();
        let (made, balance) =
            made.await.unwrap_or_else(|_| (Err(Problem::internal("making the pictures panicked")), None));
        // Whatever is decided, nobody needs the photos any more.
        let photos = ObjectKey::of_photos(&pending);
        let delete_photos = timeout_at(decide_until, self.batches.uploads().delete(photos));
        let end = async {
            match made {
                Ok(images) => {
                    let settle = self.settle(&hold, pending, images, balance, clock.now());
                    let settled = timeout_at(decide_until, settle).await;
                    settled.unwrap_or_else(|_| Err(undecided(&hold, "no decision in time")))
                }
                Err(problem) => {
                    if timeout_at(decide_until, self.release(&hold, &problem, clock.now())).await.is_err() {
                        log_left_to_the_lease(&hold, "no decision in time");
                    }
                    // What fal still has in its queue would be made, and billed, for nobody.
                    let _ = timeout_at(decide_until, self.batches.fal().cancel_all(&tickets)).await;
                    Err(problem)
                }
            }
        };
        join(end, delete_photos).await.0
    }

    /// Refuses a user who cannot pay, before photos are decoded and looked at. A repeat of an earlier request may be
    /// free, so it is left to the hold.
    pub(crate) async fn check_coins(&self, order: &Order<'_>) -> Result<(), Problem> {
        let Order { user_id, clock, key } = *order;
        if let Some(key) = key {
            let id = GenerationId::for_key(user_id, key);
            if self.batches.generations().find(user_id, id).await?.is_some() {
                return Ok(());
            }
        }
        Ok(self.batches.ledger().require(user_id, self.batch.coins, clock.arrived_at()).await?)
    }

    /// Checks uploaded photos and plans the batch. Nothing is held or sent to fal.
    pub(crate) async fn prepare(
        &self,
        order: &Order<'_>,
        mut request: GenerationRequest,
        lease_until: Timestamp,
    ) -> Result<Prepared, Problem> {
        let Order { user_id, clock, key } = *order;
        let attempt_id = AttemptId::random();
        let body_hash = request.hash();
        let generation_id = key.map_or_else(GenerationId::random, |key| GenerationId::for_key(user_id, key));
        if let Err(faults) = uploaded::check(self.batches.uploads(), user_id, &mut request).await?.or_ok(()) {
            // A batch that was delivered long ago is replayed although its photos are gone.
            let earlier = self.batches.generations().find(user_id, generation_id).await?;
            return match earlier.filter(|earlier| is_delivered(earlier, &body_hash)) {
                Some(generation) => Ok(Prepared::Delivered(Box::new(generation))),
                None => Err(faults.into()),
            };
        }
        let fetchable_for = lease_until.duration_since(clock.arrived_at()) + FETCHABLE_AFTER_LEASE;
        let fetchable_for = Duration::try_from(fetchable_for).unwrap_or_default();
        let plan = self.plan(request, user_id, attempt_id, fetchable_for).await?;
        let pending = Generation {
            user_id: user_id.clone(),
            generation_id,
            attempt_id,
            body_hash,
            status: Status::Pending,
            lease_until,
            coins: self.batch.coins,
            created_at: clock.arrived_at(),
            job: plan.job.clone(),
            images: Vec::new(),
            remaining_coins: None,
            token_hashes: None,
            queued: None,
            check_at: None,
            error_code: None,
        };
        Ok(Prepared::New(Box::new(pending), Box::new(plan)))
    }

    async fn plan(
        &self,
        request: GenerationRequest,
        user_id: &UserId,
        attempt_id: AttemptId,
        fetchable_for: Duration,
    ) -> Result<Plan, UploadError> {
        if request.photos.is_empty() {
            return Ok(Plan::from_text(request, &self.batch));
        }
        let (delivery, uploads) = (self.photo_delivery, self.batches.uploads());
        Plan::from_photos(request, &self.batch, delivery, uploads, user_id, attempt_id, fetchable_for).await
    }

    /// Makes the pictures and reads the settled balance at the same time. If the pictures come first, the
    /// read is dropped, and the settle finds the balance out.
    async fn make_and_read_balance(
        &self,
        plan: &Plan,
        pending: &Generation,
        until: Instant,
        tickets: &Tickets,
    ) -> (Result<Vec<String>, Problem>, Option<Coins>) {
        let mut make = pin!(self.make(plan, pending, until, tickets));
        let mut read_balance = pin!(self.read_balance(pending));
        tokio::select! {
            biased;
            made = &mut make => (made, None),
            balance = &mut read_balance => (make.await, balance),
        }
    }

    /// Stores the photos, and then makes both pictures at the same time.
    async fn make(
        &self,
        plan: &Plan,
        pending: &Generation,
        until: Instant,
        tickets: &Tickets,
    ) -> Result<Vec<String>, Problem> {
        self.store(plan, until).await?;
        let picture = || self.picture(&plan.input, pending, until, tickets);
        let (first, second) = try_join(picture(), picture()).await?;
        Ok(vec![first.url, second.url])
    }

    /// Stores the photos, all at the same time.
    pub(crate) async fn store(&self, plan: &Plan, until: Instant) -> Result<(), UploadError> {
        let photos = plan.photos.iter().map(|(key, photo)| self.batches.uploads().store(key, photo));
        timeout_at(until, try_join_all(photos)).await.map_err(|_| UploadError::TimedOut)??;
        Ok(())
    }

    async fn picture(
        &self,
        input: &Input,
        pending: &Generation,
        until: Instant,
        tickets: &Tickets,
    ) -> Result<Picture, FalError> {
        let started = Instant::now();
        let until = until.min(started + self.batch.picture_within);
        let picture = self.batches.fal().picture(input, until, tickets).await?;
        let duration_ms = started.elapsed().as_millis() as u64;
        let Picture { request_id, served_from, billable_units, .. } = &picture;
        let (generation_id, fal_request_id) = (pending.generation_id, request_id.as_deref());
        let (served_from, billable_units) = (served_from.as_deref(), billable_units.as_deref());
        tracing::info!(%generation_id, fal_request_id, served_from, billable_units, duration_ms, "picture made");
        Ok(picture)
    }

    async fn read_balance(&self, pending: &Generation) -> Option<Coins> {
        let Generation { user_id, generation_id, job, .. } = pending;
        let balance = self.batches.ledger().balance(user_id, pending.created_at).await.ok();
        let coins_balance = balance.map(|balance| balance.settled.count());
        tracing::info!(%user_id, %generation_id, model = job.model, coins_balance, "generating");
        tracing::debug!(%generation_id, payload = %job.payload, "sent to fal");
        balance.map(|balance| balance.settled)
    }

    async fn settle(
        &self,
        hold: &Hold,
        pending: Generation,
        images: Vec<String>,
        balance: Option<Coins>,
        now: Timestamp,
    ) -> Result<Delivered, Problem> {
        let remaining_coins = match self.batches.ledger().settle(hold, &images, balance, now).await {
            Ok(remaining) => remaining,
            Err(SettleRefused::Unavailable(cause)) => {
                return self.settle_or_release(hold, cause.into(), now).await;
            }
            Err(lost @ SettleRefused::LeaseLost) => return Err(lost.into()),
        };
        log_settled(hold, remaining_coins);
        let generation = Generation {
            status: Status::Succeeded,
            images,
            remaining_coins: Some(remaining_coins),
            ..pending
        };
        Ok(Delivered { generation, replayed: false })
    }

    /// A settle without a decision may have been applied. A release decides: it gives the coins back, or
    /// finds that they were paid, and then the pictures are delivered.
    async fn settle_or_release(
        &self,
        hold: &Hold,
        problem: Problem,
        now: Timestamp,
    ) -> Result<Delivered, Problem> {
        match self.batches.ledger().release(hold, problem.as_failure(), now).await {
            Ok(Released::WasSettled(generation)) => {
                count_paid(hold);
                Ok(Delivered { generation: *generation, replayed: false })
            }
            Ok(Released::GivenBack) => Err(problem),
            Err(cause) => Err(undecided(hold, cause)),
        }
    }

    /// Gives the coins back for `problem`.
    pub(crate) async fn release(&self, hold: &Hold, problem: &Problem, now: Timestamp) {
        let Hold { user_id, generation_id, coins, .. } = hold;
        match self.batches.ledger().release(hold, problem.as_failure(), now).await {
            Ok(_) => tracing::info!(%user_id, %generation_id, coins = coins.count(), "coins released"),
            Err(cause) => log_left_to_the_lease(hold, cause),
        }
    }
}

fn is_delivered(generation: &Generation, body_hash: &str) -> bool {
    generation.status == Status::Succeeded && generation.body_hash == body_hash
}

/// A batch that was delivered before.
pub(crate) fn replay(generation: Generation) -> Delivered {
    let Generation { user_id, generation_id, .. } = &generation;
    metrics::count(Metric::Replays, 1);
    tracing::info!(%user_id, %generation_id, "delivered batch replayed");
    Delivered { generation, replayed: true }
}

/// The problem when it is not known whether the batch was paid. Its record or its lease will tell.
fn undecided(hold: &Hold, cause: impl Display) -> Problem {
    let problem = Problem::new(Detail::OutcomeUnknown).caused_by(cause.to_string());
    log_left_to_the_lease(hold, cause);
    problem
}

fn log_left_to_the_lease(hold: &Hold, cause: impl Display) {
    let Hold { user_id, generation_id, .. } = hold;
    tracing::error!(%user_id, %generation_id, %cause, "no decision, the lease will end the hold");
}
