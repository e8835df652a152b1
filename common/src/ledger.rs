//! The ledger: the one place that writes coins and generations.
//!
//! Six transitions, each one transaction: hold, settle, release and expire for a batch, top up for a payment,
//! and take back for its return. Between the hold and the end of an asynchronous batch there are three more,
//! each an update of the generation alone.

mod budget;
mod expressions;
mod hold;
mod payments;
mod profile;
mod queue;
mod transact;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use thiserror::Error;
use tokio::time::Instant;

use crate::coins::{Balance, Coins};
use crate::generations::{Generation, PENDING_AT_FAL, Status};
use crate::identity::UserId;
use crate::metrics::{self, Metric};
use crate::tables::{GenerationsTable, LedgerTable, Tables};

use budget::{lapsed, stamp};
use expressions::{Entry, GiveBack, MAX_HOLDS, text};
use profile::Profile;
use transact::{Finding, Item, TransactError, broken, first_two, kept_changing, transact};

pub use budget::FailureBudget;
pub use hold::Hold;
pub use payments::{Entered, Payment, PaymentRefused, PaymentTables, Payments};
pub use profile::Profiles;
pub use queue::PictureRecorded;
pub use transact::Unavailable;

/// Most tries of one hold. Before a next one, expired holds are ended: the generation's own last attempt,
/// then the profile's other holds; and failures that do not count any more are forgotten. One more is for a race
/// with a request that does the same.
const MAX_HOLD_TRIES: usize = 5;

/// How long a settle follows a balance that keeps changing.
const FOLLOW_BALANCE_FOR: Duration = Duration::from_secs(5);

/// The coins of all users, and the batches that they pay for.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    profiles: Profiles,
    generations: GenerationsTable,
    entries: LedgerTable,
    budget: FailureBudget,
}

/// Why an attempt failed, for its record.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// A problem's code.
    pub code: &'a str,
    /// Whether fal may bill it. If so, the failure counts against the user's [`FailureBudget`].
    pub may_be_billed: bool,
}

impl<'a> Failure<'a> {
    /// A failure that costs the operator nothing.
    pub fn ours(code: &'a str) -> Self {
        Self { code, may_be_billed: false }
    }
}

/// The result of a hold that was not refused.
#[derive(Debug)]
pub enum HoldOutcome {
    /// The coins are held, and the generation is pending. It must now be settled or released.
    Held(Hold),
    /// The same request under the same key has been delivered before: here it is again, at no charge.
    Replay(Box<Generation>),
}

/// Why nothing is held.
#[derive(Debug, Error)]
pub enum HoldRefused {
    /// Fewer coins are available than the price.
    #[error("{required} coins are required and {} are available", balance.available)]
    InsufficientCoins { required: Coins, balance: Balance },
    /// As many of the user's generations are running as one user may have.
    #[error("{MAX_HOLDS} generations are running")]
    TooManyGenerations,
    /// The user's failures that fal may bill, with those that the running batches may become, use up the budget.
    #[error("the budget of failures is used up for {refills_in:?}")]
    TooManyFailures { refills_in: Duration },
    /// The same request under the same key is running.
    #[error("the generation is running")]
    InProgress(Box<Generation>),
    /// Another request came under this key before.
    #[error("the key was used for another request")]
    KeyReused,
    /// The database did not decide.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a generation was not paid.
#[derive(Debug, Error)]
pub enum SettleRefused {
    /// The lease passed and the coins were given back: the pictures must not be delivered.
    #[error("the lease had passed and the coins were given back")]
    LeaseLost,
    /// The database did not decide.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The result of a release.
#[derive(Debug)]
pub enum Released {
    /// The coins are available again, by this release or because nothing was held any more.
    GivenBack,
    /// The attempt had been settled after all: a settle's reply was lost. It is paid and must be delivered.
    WasSettled(Box<Generation>),
}

impl Ledger {
    /// Keeps the coins in `tables` through `client`.
    pub fn new(client: Client, tables: Tables) -> Self {
        let Tables { profiles, generations, ledger: entries } = tables;
        let (profiles, budget) = (Profiles::new(client.clone(), profiles), FailureBudget::default());
        Self { profiles, generations, entries, client, budget }
    }

    /// The same ledger with another budget of failures.
    pub fn with_budget(self, budget: FailureBudget) -> Self {
        Self { budget, ..self }
    }

    /// Refuses a user who has fewer than `required` coins available.
    pub async fn require(&self, user: &UserId, required: Coins, now: Timestamp) -> Result<(), HoldRefused> {
        self.profiles.require(user, required, now).await
    }

    /// What `user` has, read consistently. A user never seen before has nothing, and nothing is written.
    pub async fn balance(&self, user: &UserId, now: Timestamp) -> Result<Balance, Unavailable> {
        self.profiles.balance(user, now).await
    }

    /// Sets the price of `pending` aside and records it, if its user has the coins and a free place.
    ///
    /// When the transaction is refused, the generation is looked at first. With the balance first, a repeat
    /// of the request that took the last coin would get `insufficient_coins` in place of its replay.
    pub async fn hold(&self, pending: &Generation, now: Timestamp) -> Result<HoldOutcome, HoldRefused> {
        let hold = Hold::of(pending);
        let mut record: Item = serde_dynamo::to_item(pending).map_err(broken)?;
        if pending.check_at.is_some() {
            record.insert("pending_at".to_owned(), text(PENDING_AT_FAL));
        }
        for _ in 0..MAX_HOLD_TRIES {
            let actions = [
                self.generations.put_pending(record.clone(), pending),
                self.profiles.table().place_hold(&hold, self.budget),
            ];
            let findings = match transact(&self.client, actions).await {
                Ok(()) => return Ok(HoldOutcome::Held(hold)),
                Err(TransactError::Refused(findings)) => findings,
                Err(TransactError::Unavailable(unavailable)) => {
                    self.undo_lost_hold(&hold, &unavailable, now).await;
                    return Err(unavailable.into());
                }
            };
            match self.explain_hold(pending, findings, now)? {
                NextStep::Return(outcome) => return Ok(outcome),
                NextStep::TryAgain => {}
                NextStep::Expire(expired) => {
                    for hold in &expired {
                        self.expire(hold, now).await?;
                    }
                }
                NextStep::Forget(stamps) => self.profiles.forget(&pending.user_id, stamps).await?,
            }
        }
        Err(kept_changing("expired holds stayed in the way").into())
    }

    /// Takes the held coins for good and records the pictures. Returns the settled balance afterwards.
    ///
    /// `seen` is the settled balance as last read. A wrong one costs one more round trip.
    pub async fn settle(
        &self,
        hold: &Hold,
        images: &[String],
        seen: Option<Coins>,
        now: Timestamp,
    ) -> Result<Coins, SettleRefused> {
        let give_up = Instant::now() + FOLLOW_BALANCE_FOR;
        let mut before = seen.unwrap_or(hold.coins);
        while Instant::now() < give_up {
            let after =
                before.checked_sub(hold.coins).ok_or_else(|| broken("a balance is below its holds"))?;
            let charge = self.charge(hold, after, now)?;
            let actions = [
                self.generations.mark_succeeded(hold, images, after, now),
                self.profiles.table().settle_hold(hold, before, after),
                self.entries.append(charge),
            ];
            let findings = match transact(&self.client, actions).await {
                Ok(()) => return Ok(after),
                Err(TransactError::Refused(findings)) => findings,
                Err(TransactError::Unavailable(unavailable)) => return Err(unavailable.into()),
            };
            let [generation, profile] = first_two(findings);
            if let Some(record) = generation {
                let settled =
                    read_generation(record)?.filter(|found| is_mine(found, hold, Status::Succeeded));
                return settled.and_then(|found| found.remaining_coins).ok_or(SettleRefused::LeaseLost);
            }
            let profile = Profile::read(profile.unwrap_or_default()).map_err(broken)?;
            before = match profile.coins_balance {
                Some(balance) if profile.has(hold) => balance,
                _ => return Err(broken("a pending generation has no hold").into()),
            };
        }
        Err(kept_changing("the balance kept changing").into())
    }

    /// Gives the held coins back and records why. Harmless when repeated or late.
    pub async fn release(
        &self,
        hold: &Hold,
        failure: Failure<'_>,
        now: Timestamp,
    ) -> Result<Released, Unavailable> {
        let findings = match self.give_back(hold, GiveBack::Failed(failure), now).await {
            Ok(()) => {
                metrics::count(Metric::CoinsReleased, hold.coins.count());
                return Ok(Released::GivenBack);
            }
            Err(TransactError::Refused(findings)) => findings,
            Err(TransactError::Unavailable(unavailable)) => return Err(unavailable),
        };
        let [generation, _] = first_two(findings);
        let record = read_generation(generation.unwrap_or_default())?;
        Ok(match record {
            Some(found) if is_mine(&found, hold, Status::Succeeded) => Released::WasSettled(Box::new(found)),
            _ => Released::GivenBack,
        })
    }

    /// Gives back the coins of an attempt whose lease has passed. Another request may have been faster.
    pub async fn expire(&self, hold: &Hold, now: Timestamp) -> Result<(), Unavailable> {
        match self.give_back(hold, GiveBack::Expired, now).await {
            Ok(()) => {
                let Hold { user_id, generation_id, coins, .. } = hold;
                metrics::count(Metric::HoldsPastLease, 1);
                metrics::count(Metric::CoinsExpired, coins.count());
                tracing::warn!(%user_id, %generation_id, coins = coins.count(), "hold expired, coins given back");
                Ok(())
            }
            Err(TransactError::Refused(_)) => Ok(()),
            Err(TransactError::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    /// A hold whose reply was lost may be in force although its request gets an error. The lease would free
    /// the coins as well, but later.
    async fn undo_lost_hold(&self, hold: &Hold, unavailable: &Unavailable, now: Timestamp) {
        if unavailable.may_have_applied && self.release(hold, Failure::ours("try_again"), now).await.is_err()
        {
            let Hold { user_id, generation_id, .. } = hold;
            tracing::warn!(%user_id, %generation_id, "it is unknown whether a hold was placed, its lease will end it");
        }
    }

    async fn give_back(&self, hold: &Hold, how: GiveBack<'_>, now: Timestamp) -> Result<(), TransactError> {
        let counts = match how {
            GiveBack::Failed(failure) => failure.may_be_billed,
            // fal had the jobs for the whole lease. A synchronous attempt expires because its function died.
            GiveBack::Expired => hold.is_asynchronous,
        };
        let stamp = counts.then(|| stamp(hold, now));
        let actions =
            [self.generations.mark_ended(hold, how, now), self.profiles.table().release_hold(hold, stamp)];
        transact(&self.client, actions).await
    }

    fn explain_hold(
        &self,
        pending: &Generation,
        findings: Vec<Finding>,
        now: Timestamp,
    ) -> Result<NextStep, HoldRefused> {
        let [generation, profile] = first_two(findings);
        if let Some(found) = generation.map(read_generation).transpose()?.flatten() {
            let hold = Hold::of(&found);
            return match found.status {
                _ if found.body_hash != pending.body_hash => Err(HoldRefused::KeyReused),
                // The reply to an earlier try of this call was lost.
                Status::Pending if found.attempt_id == pending.attempt_id => {
                    Ok(NextStep::Return(HoldOutcome::Held(hold)))
                }
                Status::Succeeded => Ok(NextStep::Return(HoldOutcome::Replay(Box::new(found)))),
                Status::Pending if !hold.is_expired(now) => Err(HoldRefused::InProgress(Box::new(found))),
                Status::Pending => Ok(NextStep::Expire(vec![hold])),
                // A newer attempt has ended, or this attempt has ended and its hold arrived a second time.
                Status::Failed | Status::Expired => Ok(NextStep::TryAgain),
            };
        }
        let profile = Profile::read(profile.unwrap_or_default()).map_err(broken)?;
        let expired = profile.expired_holds(&pending.user_id, now);
        if !expired.is_empty() {
            return Ok(NextStep::Expire(expired));
        }
        let running = profile.hold_count();
        if running >= MAX_HOLDS {
            return Err(HoldRefused::TooManyGenerations);
        }
        let balance = profile.balance(&pending.user_id, now);
        let failures = &profile.failures;
        if balance.available >= pending.coins && self.budget.is_used_up(failures, running) {
            let lapsed = lapsed(failures, now);
            if !lapsed.is_empty() {
                return Ok(NextStep::Forget(lapsed));
            }
            let refills_in = self.budget.refills_in(failures, now);
            return Err(HoldRefused::TooManyFailures { refills_in });
        }
        Err(HoldRefused::InsufficientCoins { required: pending.coins, balance })
    }

    fn charge(&self, hold: &Hold, after: Coins, now: Timestamp) -> Result<Item, Unavailable> {
        let entry = Entry {
            entry_id: format!("charge#{}", hold.attempt_id),
            user_id: hold.user_id.clone(),
            delta: -i64::try_from(hold.coins.count()).map_err(broken)?,
            coins_balance: after,
            at: now,
        };
        serde_dynamo::to_item(entry).map_err(broken)
    }
}

/// What follows from a refused hold, unless it is an error.
enum NextStep {
    Return(HoldOutcome),
    /// These holds have expired and stand in the way.
    Expire(Vec<Hold>),
    /// The stamps of these failures do not count any more and stand in the way.
    Forget(Vec<String>),
    TryAgain,
}

fn is_mine(found: &Generation, hold: &Hold, status: Status) -> bool {
    found.attempt_id == hold.attempt_id && found.status == status
}

/// A generation's record, or nothing from an empty item.
fn read_generation(record: Item) -> Result<Option<Generation>, Unavailable> {
    if record.is_empty() {
        return Ok(None);
    }
    serde_dynamo::from_item(record).map(Some).map_err(broken)
}
