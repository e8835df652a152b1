//! The five transitions of coins: hold, settle, release, expire, top up. Each is one transaction, and nothing
//! else writes what they write.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::Timestamp;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::expressions::{Entry, Expressions, GiveBack, MAX_HOLDS};
use super::profile::Profile;
use super::transact::{Finding, Item, TransactError, transact};
use super::{Balance, Coins, Hold, Unavailable};
use crate::aws::{describe, is_transient};
use crate::config::Tables;
use crate::generations::{Generation, Status};
use crate::identity::UserId;
use crate::metrics::{self, Metric};

/// Rounds of expiring what is in a hold's way: once for the generation's own last attempt, once for the
/// profile's other holds, and one to spare for a race with somebody who does the same.
const MAX_HOLD_ROUNDS: usize = 4;

/// How long a write that names the balance follows a balance that keeps moving.
const FOLLOW_BALANCE_FOR: Duration = Duration::from_secs(5);

/// Longest pause of a top-up before it reads the balance again; the first is a thirty-second of it. Many payments
/// of one user at once would otherwise spend their time refusing each other.
const LONGEST_TOP_UP_PAUSE: Duration = Duration::from_millis(640);

/// The coins of all users.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    tables: Tables,
    expressions: Expressions,
}

/// What became of a request for a hold that was not refused.
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
    /// Less is available than the price.
    #[error("{required} coins are required and {} are available", balance.available)]
    InsufficientCoins {
        /// The price.
        required: Coins,
        /// What the user has.
        balance: Balance,
    },
    /// The user has as many generations running as one may.
    #[error("{MAX_HOLDS} generations are running")]
    TooManyGenerations,
    /// The same request under the same key is running.
    #[error("the generation is running")]
    InProgress,
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

/// What a release found.
#[derive(Debug)]
pub enum Released {
    /// The coins are available again, by this release or because nothing was held any more.
    GivenBack,
    /// The attempt had been settled after all: a settle's reply was lost. It is paid and must be delivered.
    WasSettled(Box<Generation>),
}

/// A payment to be credited.
#[derive(Debug, Clone)]
pub struct TopUp {
    /// Who gets the coins.
    pub user_id: UserId,
    /// How many.
    pub coins: Coins,
    /// The payment's own id: what is credited once.
    pub reference: String,
}

/// Why nothing was credited.
#[derive(Debug, Error)]
pub enum TopUpRefused {
    /// The reference was credited before, to another user or with another amount.
    #[error("the reference was used for another top-up")]
    ReferenceReused,
    /// The database did not decide.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Ledger {
    /// Keeps the coins in `tables` through `client`.
    pub fn new(client: Client, tables: Tables) -> Self {
        Self { client, expressions: Expressions::new(tables.clone()), tables }
    }

    /// What `user` has, read consistently. A user never seen before has nothing, and nothing is written.
    pub async fn balance(&self, user: &UserId, now: Timestamp) -> Result<Balance, Unavailable> {
        Ok(self.profile(user).await?.balance(user, now))
    }

    /// Sets the price of `pending` aside and records it, if its user has the coins and a free place.
    ///
    /// A refusal is read generation first: with the balance first, the replay of the success that took the
    /// last coin would be told that there are no coins.
    pub async fn hold(&self, pending: &Generation, now: Timestamp) -> Result<HoldOutcome, HoldRefused> {
        let hold = Hold::of(pending);
        let record: Item = serde_dynamo::to_item(pending).map_err(broken)?;
        for _ in 0..MAX_HOLD_ROUNDS {
            let actions =
                [self.expressions.put_pending(record.clone(), pending), self.expressions.place_hold(&hold)];
            let in_the_way = match self.send(actions).await {
                Ok(()) => return Ok(HoldOutcome::Held(hold)),
                Err(TransactError::Refused(findings)) => match explain_hold(pending, findings, now)? {
                    HoldExplained::Answer(outcome) => return Ok(outcome),
                    HoldExplained::InTheWay(expired) => expired,
                },
                Err(TransactError::Unavailable(unavailable)) => {
                    self.undo_lost_hold(&hold, &unavailable, now).await;
                    return Err(unavailable.into());
                }
            };
            for expired in &in_the_way {
                self.expire(expired, now).await?;
            }
        }
        Err(moving("expired holds stayed in the way").into())
    }

    /// Takes the held coins for good and records the pictures. Answers the settled balance afterwards.
    ///
    /// `seen` is the settled balance as last read; a wrong one costs one more round trip, no more.
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
                self.expressions.mark_succeeded(hold, images, after, now),
                self.expressions.settle_hold(hold, before, after),
                self.expressions.append(charge),
            ];
            let findings = match self.send(actions).await {
                Ok(()) => return Ok(after),
                Err(TransactError::Refused(findings)) => findings,
                Err(TransactError::Unavailable(unavailable)) => return Err(unavailable.into()),
            };
            let [generation, profile] = first(findings);
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
        Err(moving("the balance kept moving").into())
    }

    /// Gives the held coins back and records why. Harmless when repeated or late.
    pub async fn release(
        &self,
        hold: &Hold,
        error_code: &str,
        now: Timestamp,
    ) -> Result<Released, Unavailable> {
        let findings = match self.give_back(hold, GiveBack::Failed { error_code }, now).await {
            Ok(()) => {
                metrics::count(Metric::CoinsReleased, hold.coins.count());
                return Ok(Released::GivenBack);
            }
            Err(TransactError::Refused(findings)) => findings,
            Err(TransactError::Unavailable(unavailable)) => return Err(unavailable),
        };
        let [generation, _] = first(findings);
        let record = read_generation(generation.unwrap_or_default())?;
        Ok(match record {
            Some(found) if is_mine(&found, hold, Status::Succeeded) => Released::WasSettled(Box::new(found)),
            _ => Released::GivenBack,
        })
    }

    /// Adds a payment's coins once. Answers the settled balance right after they were added, also when that
    /// was long ago.
    pub async fn top_up(&self, top_up: &TopUp, now: Timestamp) -> Result<Coins, TopUpRefused> {
        let TopUp { user_id, coins, reference } = top_up;
        let delta = i64::try_from(coins.0).map_err(broken)?;
        let give_up = Instant::now() + FOLLOW_BALANCE_FOR;
        let mut longest_pause = LONGEST_TOP_UP_PAUSE / 32;
        while Instant::now() < give_up {
            let before = self.profile(user_id).await?.coins_balance;
            let after =
                before.unwrap_or_default().checked_add(*coins).ok_or_else(|| broken("too many coins"))?;
            let entry_id = format!("topup#{reference}");
            let entry = Entry { entry_id, user_id: user_id.clone(), delta, coins_balance: after, at: now };
            let entry = serde_dynamo::to_item(entry).map_err(broken)?;
            let actions =
                [self.expressions.append(entry), self.expressions.add_coins(user_id, *coins, before, after)];
            let [earlier, _] = match self.send(actions).await {
                Ok(()) => {
                    metrics::count(Metric::CoinsAdded, coins.count());
                    return Ok(after);
                }
                Err(TransactError::Refused(findings)) => first(findings),
                Err(TransactError::Unavailable(unavailable)) => return Err(unavailable.into()),
            };
            if let Some(earlier) = earlier {
                let earlier: Entry = serde_dynamo::from_item(earlier).map_err(broken)?;
                let same = earlier.user_id == *user_id && earlier.delta == delta;
                return if same { Ok(earlier.coins_balance) } else { Err(TopUpRefused::ReferenceReused) };
            }
            sleep(longest_pause.mul_f64(fastrand::f64())).await;
            longest_pause = (longest_pause * 2).min(LONGEST_TOP_UP_PAUSE);
        }
        Err(moving("the balance kept moving").into())
    }

    /// Gives back the coins of an attempt whose lease has passed. That somebody else was faster is fine.
    async fn expire(&self, hold: &Hold, now: Timestamp) -> Result<(), Unavailable> {
        match self.give_back(hold, GiveBack::Expired, now).await {
            Ok(()) => {
                let Hold { user_id, generation_id, coins, .. } = hold;
                metrics::count(Metric::HoldsPastLease, 1);
                metrics::count(Metric::CoinsExpired, coins.count());
                tracing::warn!(%user_id, %generation_id, coins = coins.0, "hold expired, coins given back");
                Ok(())
            }
            Err(TransactError::Refused(_)) => Ok(()),
            Err(TransactError::Unavailable(unavailable)) => Err(unavailable),
        }
    }

    /// A hold whose reply was lost may be in force although its request is answered with an error. The lease
    /// would free it; this is quicker.
    async fn undo_lost_hold(&self, hold: &Hold, unavailable: &Unavailable, now: Timestamp) {
        if unavailable.may_have_applied && self.release(hold, "try_again", now).await.is_err() {
            let Hold { user_id, generation_id, .. } = hold;
            tracing::warn!(%user_id, %generation_id, "a hold of unknown fate is left to its lease");
        }
    }

    async fn give_back(&self, hold: &Hold, how: GiveBack<'_>, now: Timestamp) -> Result<(), TransactError> {
        self.send([self.expressions.mark_ended(hold, how, now), self.expressions.release_hold(hold)]).await
    }

    fn charge(&self, hold: &Hold, after: Coins, now: Timestamp) -> Result<Item, Unavailable> {
        let entry = Entry {
            entry_id: format!("charge#{}", hold.attempt_id),
            user_id: hold.user_id.clone(),
            delta: -i64::try_from(hold.coins.0).map_err(broken)?,
            coins_balance: after,
            at: now,
        };
        serde_dynamo::to_item(entry).map_err(broken)
    }

    async fn profile(&self, user: &UserId) -> Result<Profile, Unavailable> {
        let get = self.client.get_item().table_name(&self.tables.profiles).consistent_read(true);
        let get = get.key("user_id", AttributeValue::S(user.to_string()));
        let answer = get.send().await.map_err(|error| Unavailable {
            cause: describe(&error),
            may_have_applied: false,
            transient: is_transient(&error),
        })?;
        Profile::read(answer.item.unwrap_or_default()).map_err(broken)
    }

    async fn send<const N: usize>(
        &self,
        actions: [Result<TransactWriteItem, BuildError>; N],
    ) -> Result<(), TransactError> {
        let actions: Result<Vec<_>, _> = actions.into_iter().collect();
        transact(&self.client, actions.map_err(|error| TransactError::Unavailable(broken(error)))?).await
    }
}

/// What a refused hold means.
enum HoldExplained {
    Answer(HoldOutcome),
    InTheWay(Vec<Hold>),
}

fn explain_hold(
    pending: &Generation,
    findings: Vec<Finding>,
    now: Timestamp,
) -> Result<HoldExplained, HoldRefused> {
    let [generation, profile] = first(findings);
    if let Some(found) = generation.map(read_generation).transpose()?.flatten() {
        let hold = Hold::of(&found);
        return match found.status {
            _ if found.body_hash != pending.body_hash => Err(HoldRefused::KeyReused),
            // A lost reply of this very call.
            Status::Pending if found.attempt_id == pending.attempt_id => {
                Ok(HoldExplained::Answer(HoldOutcome::Held(hold)))
            }
            Status::Succeeded => Ok(HoldExplained::Answer(HoldOutcome::Replay(Box::new(found)))),
            Status::Pending if !hold.is_expired(now) => Err(HoldRefused::InProgress),
            Status::Pending => Ok(HoldExplained::InTheWay(vec![hold])),
            // A newer attempt has ended, or my own has and this is a late copy of its hold.
            Status::Failed | Status::Expired => Ok(HoldExplained::InTheWay(Vec::new())),
        };
    }
    let profile = Profile::read(profile.unwrap_or_default()).map_err(broken)?;
    let expired = profile.expired_holds(&pending.user_id, now);
    if !expired.is_empty() {
        return Ok(HoldExplained::InTheWay(expired));
    }
    if profile.hold_count() >= MAX_HOLDS {
        return Err(HoldRefused::TooManyGenerations);
    }
    let balance = profile.balance(&pending.user_id, now);
    Err(HoldRefused::InsufficientCoins { required: pending.coins, balance })
}

fn is_mine(found: &Generation, hold: &Hold, status: Status) -> bool {
    found.attempt_id == hold.attempt_id && found.status == status
}

/// A generation's record, or nothing where none was.
fn read_generation(record: Item) -> Result<Option<Generation>, Unavailable> {
    if record.is_empty() {
        return Ok(None);
    }
    serde_dynamo::from_item(record).map(Some).map_err(broken)
}

/// The findings about a transaction's first two actions.
fn first(findings: Vec<Finding>) -> [Finding; 2] {
    let mut findings = findings.into_iter();
    [findings.next().flatten(), findings.next().flatten()]
}

/// The tables say what they never should, or hold what cannot be read.
fn broken(cause: impl ToString) -> Unavailable {
    Unavailable { cause: cause.to_string(), may_have_applied: false, transient: false }
}

/// Others were faster every time.
fn moving(cause: &str) -> Unavailable {
    Unavailable { cause: cause.to_owned(), may_have_applied: false, transient: true }
}
