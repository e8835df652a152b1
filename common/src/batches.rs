//! Asynchronous batches between their hold and their end: a webhook, or a request that asked fal, hands in the result
//! of a job here, and the batch is settled or released, once.

use std::time::Duration;

use futures::future::join;
use jiff::{SignedDuration, Timestamp};

use crate::api::Problem;
use crate::coins::Coins;
use crate::fal::{FalClient, FalConfig, FalError, JobState};
use crate::function::{Platform, StartError};
use crate::generations::{Generation, Generations, Slot, Status};
use crate::ledger::{Failure, FailureBudget, Hold, Ledger, PictureRecorded, SettleRefused, Unavailable};
use crate::metrics::{self, Metric};
use crate::settings::Settings;
use crate::tables::Tables;

/// Longest time between two requests to fal about one batch.
const LONGEST_STEP: SignedDuration = SignedDuration::from_mins(5);

/// How old a batch is before a request about it asks fal itself: `PULL_AFTER_SECONDS`, 60 by default.
pub fn pull_after(settings: &mut Settings<'_>) -> Option<SignedDuration> {
    let seconds = settings.seconds("PULL_AFTER_SECONDS", 60, 1..=900)?;
    Some(SignedDuration::from_secs(seconds.into()))
}

/// Where batches are recorded, who makes them, and when fal is asked about them.
#[derive(Debug, Clone)]
pub struct BatchesConfig {
    pub tables: Tables,
    pub fal: FalConfig,
    /// As [`pull_after`] reads it.
    pub pull_after: SignedDuration,
}

impl BatchesConfig {
    /// Reads the settings of its parts.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let (tables, fal) = (Tables::load(settings), FalConfig::load(settings));
        let pull_after = pull_after(settings);
        Some(Self { tables: tables?, fal: fal?, pull_after: pull_after? })
    }
}

/// When to ask fal about a batch that began at `created_at` and is pending at `now`: first after `pull_after`, and
/// then each time after half of the batch's age.
fn next_check(pull_after: SignedDuration, created_at: Timestamp, now: Timestamp) -> Timestamp {
    let age = now.duration_since(created_at);
    if age < pull_after { created_at + pull_after } else { now + (age / 2).min(LONGEST_STEP) }
}

/// After how many seconds a client should ask again about a batch that began at `created_at`.
pub fn retry_after(created_at: Timestamp, now: Timestamp) -> Duration {
    let age = u64::try_from(now.duration_since(created_at).as_secs()).unwrap_or_default();
    Duration::from_secs((age / 5).clamp(2, 20))
}

/// The asynchronous batches of all users.
#[derive(Debug, Clone)]
pub struct Batches {
    generations: Generations,
    ledger: Ledger,
    fal: FalClient,
    pull_after: SignedDuration,
}

impl Batches {
    /// The batches of `config`, with clients of DynamoDB and of fal.
    ///
    /// # Errors
    ///
    /// When the Lambda environment is incomplete or fal's key cannot be fetched.
    pub async fn connect(config: BatchesConfig, platform: &Platform<'_>) -> Result<Self, StartError> {
        let BatchesConfig { tables, fal, pull_after } = config;
        let key = platform.secret(fal.key).await?;
        let dynamodb = platform.aws()?.dynamodb();
        Ok(Self {
            generations: Generations::new(dynamodb.clone(), tables.generations.clone()),
            ledger: Ledger::new(dynamodb, tables),
            fal: FalClient::new(platform.http()?, fal.hosts, &key),
            pull_after,
        })
    }

    /// The same batches with another budget of failures.
    pub fn with_budget(self, budget: FailureBudget) -> Self {
        Self { ledger: self.ledger.with_budget(budget), ..self }
    }

    pub fn generations(&self) -> &Generations {
        &self.generations
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn fal(&self) -> &FalClient {
        &self.fal
    }

    /// When to ask fal first about a batch that begins at `now`.
    pub fn first_check(&self, now: Timestamp) -> Timestamp {
        now + self.pull_after
    }

    /// Takes in what became of one job: its picture, or why there will be none. A repeat, or a job of an attempt
    /// that has ended, changes nothing.
    ///
    /// # Errors
    ///
    /// When the result could not be recorded. It must be handed in again.
    pub async fn take(
        &self,
        generation: &mut Generation,
        slot: Slot,
        request_id: &str,
        result: Result<String, FalError>,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let hold = Hold::of(generation);
        let url = match result {
            Ok(url) => url,
            Err(error) => return self.release(&hold, generation, slot, error, now).await,
        };
        tracing::info!(generation_id = %hold.generation_id, fal_request_id = request_id, %slot, "picture made");
        let other =
            generation.queued.as_ref().and_then(|pictures| pictures[slot.other().index()].url.clone());
        let pictures = match (slot, other) {
            (Slot::First, Some(second)) => [url, second],
            (Slot::Second, Some(first)) => [first, url],
            (_, None) => match self.ledger.record_picture(&hold, slot, &url, request_id).await? {
                PictureRecorded::Second(pictures) => pictures,
                PictureRecorded::First => {
                    if let Some(pictures) = &mut generation.queued {
                        pictures[slot.index()].url = Some(url);
                    }
                    return Ok(());
                }
                PictureRecorded::Late => {
                    log_late(&hold);
                    return Ok(());
                }
            },
        };
        self.settle(&hold, &pictures, now).await
    }

    async fn settle(&self, hold: &Hold, pictures: &[String; 2], now: Timestamp) -> Result<(), Unavailable> {
        let balance = self.ledger.balance(&hold.user_id, now).await.ok().map(|balance| balance.settled);
        match self.ledger.settle(hold, pictures, balance, now).await {
            Ok(remaining_coins) => {
                log_settled(hold, remaining_coins);
                Ok(())
            }
            Err(SettleRefused::LeaseLost) => {
                log_late(hold);
                Ok(())
            }
            Err(SettleRefused::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    /// Gives the coins back because the job of `slot` failed, and cancels the other one.
    async fn release(
        &self,
        hold: &Hold,
        generation: &Generation,
        slot: Slot,
        error: FalError,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let Hold { user_id, generation_id, coins, .. } = hold;
        metrics::count(error.kind.metric(), 1);
        let cause = error.to_string();
        let failure = Problem::from(error).as_failure();
        self.ledger.release(hold, failure, now).await?;
        let Failure { code, .. } = failure;
        tracing::info!(%user_id, %generation_id, coins = coins.count(), code, cause, %slot, "coins released");
        self.cancel(generation, &[slot.other()]).await;
        Ok(())
    }

    /// Cancels the jobs of `slots` that fal has and that have no picture.
    pub async fn cancel(&self, generation: &Generation, slots: &[Slot]) {
        for picture in slots.iter().filter_map(|slot| Some(&generation.queued.as_ref()?[slot.index()])) {
            if let (Some(request_id), None) = (&picture.request_id, &picture.url) {
                self.fal.cancel(&generation.job.model, request_id).await;
            }
        }
    }

    /// Asks fal about the jobs of a batch that is due, and takes in what fal says. After its lease, a batch that fal
    /// has not made is expired. Returns the generation as it is then.
    ///
    /// # Errors
    ///
    /// When the database does not respond. An error of fal's changes nothing: the batch is due again later.
    pub async fn pull(&self, generation: Generation, now: Timestamp) -> Result<Generation, Problem> {
        let (Status::Pending, Some(due)) = (generation.status, generation.check_at) else {
            return Ok(generation);
        };
        let next = next_check(self.pull_after, generation.created_at, now);
        if due > now || !self.ledger.take_turn(&Hold::of(&generation), due, next).await? {
            return Ok(generation);
        }
        let mut generation = generation;
        let asked = join(self.ask(&generation, Slot::First), self.ask(&generation, Slot::Second)).await;
        let mut is_pending = true;
        for (slot, asked) in Slot::BOTH.into_iter().zip(<[_; 2]>::from(asked)) {
            let Some((request_id, state)) = asked else { continue };
            let result = match state {
                JobState::Pending { queue_position } => {
                    if let Some(pictures) = &mut generation.queued {
                        pictures[slot.index()].queue_position = queue_position;
                    }
                    continue;
                }
                JobState::Made(url) => Ok(url),
                JobState::Failed(error) => Err(error),
            };
            is_pending = false;
            metrics::count(Metric::ResultsPulled, 1);
            self.take(&mut generation, slot, &request_id, result, now).await?;
        }
        let hold = Hold::of(&generation);
        if is_pending && !hold.is_expired(now) {
            return Ok(generation);
        }
        if hold.is_expired(now) {
            self.ledger.expire(&hold, now).await?;
            self.cancel(&generation, &Slot::BOTH).await;
        }
        let found = self.generations.find(&hold.user_id, hold.generation_id).await?;
        Ok(found.unwrap_or(generation))
    }

    /// The state of a job that has no picture yet and whose id is known.
    async fn ask(&self, generation: &Generation, slot: Slot) -> Option<(String, JobState)> {
        let picture = &generation.queued.as_ref()?[slot.index()];
        let request_id = picture.request_id.clone().filter(|_| picture.url.is_none())?;
        match self.fal.job(&generation.job.model, &request_id).await {
            Ok(state) => Some((request_id, state)),
            Err(error) => {
                tracing::warn!(fal_request_id = request_id, %error, "fal did not tell the state of a job");
                None
            }
        }
    }
}

/// Logs and counts that the held coins were taken for good.
pub fn log_settled(hold: &Hold, remaining_coins: Coins) {
    let Hold { user_id, generation_id, coins, .. } = hold;
    tracing::info!(%user_id, %generation_id, coins = coins.count(), remaining_coins = remaining_coins.count(), "coins settled");
    count_paid(hold);
}

/// Counts a paid batch.
pub fn count_paid(hold: &Hold) {
    metrics::count(Metric::Batches, 1);
    metrics::count(Metric::CoinsSettled, hold.coins.count());
}

fn log_late(hold: &Hold) {
    let Hold { user_id, generation_id, .. } = hold;
    tracing::warn!(%user_id, %generation_id, "a result came after the end of its attempt and is discarded");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_come_at_growing_steps() {
        let pull_after = SignedDuration::from_secs(60);
        let start = Timestamp::UNIX_EPOCH;
        let next = |age| next_check(pull_after, start, start + SignedDuration::from_secs(age)).as_second();
        assert_eq!([0, 59, 60, 90, 600, 3_600].map(next), [60, 60, 90, 135, 900, 3_900]);
        let wait = |age| retry_after(start, start + SignedDuration::from_secs(age)).as_secs();
        assert_eq!([0, 10, 30, 600].map(wait), [2, 2, 6, 20]);
    }
}
