//! Asynchronous batches between their hold and their end: a webhook, or a request that asked fal, hands in the result
//! of a job here, and the batch is settled or released, once.

use std::time::Duration;

use futures::future::join;
use jiff::{SignedDuration, Timestamp};

use crate::api::Problem;
use crate::coins::Coins;
use crate::fal::{FalClient, FalConfig, FalError, JobState, Retention};
use crate::function::{Platform, StartError};
use crate::generations::{Generation, Generations, Slot, Status};
use crate::ledger::{FailureBudget, Hold, Ledger, PictureRecorded, SettleRefused, Unavailable};
use crate::metrics::{self, Metric};
use crate::settings::Settings;
use crate::tables::Tables;
use crate::uploads::{self, ObjectKey, Uploads};

/// Longest time between two requests to fal about one batch. fal keeps a result for six minutes at the least, and
/// heal-batches looks once a minute: so even if one look fails, another one finds the result.
const LONGEST_STEP: SignedDuration = SignedDuration::from_mins(2);

/// How old a batch may be at most when fal is asked about it first, in seconds. Its jobs may have ended at once, and fal
/// keeps their results for six minutes at the least.
const MAX_PULL_AFTER: u32 = 240;

/// How old a batch is before a request about it asks fal itself: `PULL_AFTER_SECONDS`, 60 by default.
pub fn pull_after(settings: &mut Settings<'_>) -> Option<SignedDuration> {
    let seconds = settings.seconds("PULL_AFTER_SECONDS", 60, 1..=MAX_PULL_AFTER)?;
    Some(SignedDuration::from_secs(seconds.into()))
}

/// Where batches are recorded, where their photos are, who makes them, and when fal is asked about them.
#[derive(Debug, Clone)]
pub struct BatchesConfig {
    pub tables: Tables,
    /// The name of the photos' bucket.
    pub bucket: String,
    pub fal: FalConfig,
    /// As [`pull_after`] reads it.
    pub pull_after: SignedDuration,
}

impl BatchesConfig {
    /// Reads the settings of its parts.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let (tables, bucket) = (Tables::load(settings), uploads::bucket(settings));
        let (fal, pull_after) = (FalConfig::load(settings), pull_after(settings));
        Some(Self { tables: tables?, bucket: bucket?, fal: fal?, pull_after: pull_after? })
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
    uploads: Uploads,
    fal: FalClient,
    pull_after: SignedDuration,
}

impl Batches {
    /// The batches of `config`, with clients of DynamoDB, of S3 and of fal.
    ///
    /// # Errors
    ///
    /// When the Lambda environment is incomplete or fal's key cannot be fetched.
    pub async fn connect(config: BatchesConfig, platform: &Platform<'_>) -> Result<Self, StartError> {
        let BatchesConfig { tables, bucket, fal, pull_after } = config;
        let key = platform.secret(fal.key).await?;
        let aws = platform.aws()?;
        let dynamodb = aws.dynamodb();
        Ok(Self {
            generations: Generations::new(dynamodb.clone(), tables.generations.clone()),
            ledger: Ledger::new(dynamodb, tables),
            uploads: Uploads::new(aws.bucket(bucket)?),
            fal: FalClient::new(platform.http()?, fal.hosts, &key),
            pull_after,
        })
    }

    /// The same batches with another budget of failures.
    pub fn with_budget(self, budget: FailureBudget) -> Self {
        Self { ledger: self.ledger.with_budget(budget), ..self }
    }

    /// The same batches, whose pictures fal keeps as `retention` says.
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { fal: self.fal.with_retention(retention), ..self }
    }

    pub fn generations(&self) -> &Generations {
        &self.generations
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn uploads(&self) -> &Uploads {
        &self.uploads
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
        self.settle(&hold, generation, &pictures, now).await
    }

    /// Charges for both pictures, and deletes the photos.
    async fn settle(
        &self,
        hold: &Hold,
        generation: &Generation,
        pictures: &[String; 2],
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let balance = self.ledger.balance(&hold.user_id, now).await.ok().map(|balance| balance.settled);
        match self.ledger.settle(hold, pictures, balance, now).await {
            Ok(remaining_coins) => log_settled(hold, remaining_coins),
            Err(SettleRefused::LeaseLost) => log_late(hold),
            Err(SettleRefused::Unavailable(unavailable)) => return Err(unavailable),
        }
        self.delete_photos(generation).await;
        Ok(())
    }

    /// Deletes the photos that were stored for the generation's attempt, which has ended.
    pub async fn delete_photos(&self, generation: &Generation) {
        self.uploads.delete(ObjectKey::of_photos(generation)).await;
    }

    /// Gives the coins back because the job of `slot` failed, cancels the other one, and deletes the photos.
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
        tracing::info!(%user_id, %generation_id, coins = coins.count(), code = failure.code, cause, %slot, "coins released");
        join(self.cancel(generation, &[slot.other()]), self.delete_photos(generation)).await;
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
            join(self.cancel(&generation, &Slot::BOTH), self.delete_photos(&generation)).await;
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
        assert_eq!([0, 59, 60, 90, 240, 3_600].map(next), [60, 60, 90, 135, 360, 3_720]);
        let wait = |age| retry_after(start, start + SignedDuration::from_secs(age)).as_secs();
        assert_eq!([0, 10, 30, 600].map(wait), [2, 2, 6, 20]);
    }

    /// When heal-batches looks at a batch that nobody else asks for: in its first run, once a minute, after the batch is
    /// due.
    fn looks(pull_after: SignedDuration) -> Vec<i64> {
        let mut looks = Vec::new();
        let mut due = Timestamp::UNIX_EPOCH + pull_after;
        while due.as_second() < 3_600 {
            let run = due.as_second().div_euclid(60) * 60 + 60;
            looks.push(run);
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(run);
            due = next_check(pull_after, Timestamp::UNIX_EPOCH, now);
        }
        looks
    }

    #[test]
    fn every_result_is_fetched_before_fal_forgets_it() {
        let fal_keeps = 6 * 60;
        for seconds in 1..=MAX_PULL_AFTER {
            let looks = looks(SignedDuration::from_secs(seconds.into()));
            assert!(looks[0] <= 5 * 60, "a job that ends at once waits for {} s", looks[0]);
            // The same with one look that fails: the pause from the look before it to the one after it.
            let pauses = looks.windows(3).map(|looks| looks[2] - looks[0]);
            assert!(pauses.max() <= Some(fal_keeps), "{seconds}: {looks:?}");
        }
    }
}
