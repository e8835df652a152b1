//! Payments: each adds its coins once.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::FOLLOW_BALANCE_FOR;
use super::expressions::Entry;
use super::profile::Profiles;
use super::transact::{TransactError, Unavailable, broken, first_two, kept_changing, transact};
use crate::coins::Coins;
use crate::identity::UserId;
use crate::metrics::{self, Metric};
use crate::tables::{LedgerTable, ProfilesTable};

/// Longest pause before the balance is read again; the first is a thirty-second of it. Many payments of one
/// user at once would otherwise spend their time refusing each other.
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

/// A payment to be credited.
#[derive(Debug, Clone)]
pub struct TopUp {
    pub user_id: UserId,
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

/// Credits payments.
#[derive(Debug, Clone)]
pub struct TopUps {
    client: Client,
    profiles: Profiles,
    entries: LedgerTable,
}

impl TopUps {
    /// Writes to these tables through `client`.
    pub fn new(client: Client, profiles: ProfilesTable, entries: LedgerTable) -> Self {
        Self { profiles: Profiles::new(client.clone(), profiles), entries, client }
    }

    /// Adds a payment's coins once. Returns the settled balance right after that, also when they
    /// were added by an earlier call.
    pub async fn credit(&self, top_up: &TopUp, now: Timestamp) -> Result<Coins, TopUpRefused> {
        let TopUp { user_id, coins, reference } = top_up;
        let delta = i64::try_from(coins.count()).map_err(broken)?;
        let give_up = Instant::now() + FOLLOW_BALANCE_FOR;
        let mut longest_pause = LONGEST_PAUSE / 32;
        while Instant::now() < give_up {
            let before = self.profiles.read(user_id).await?.coins_balance;
            let after =
                before.unwrap_or_default().checked_add(*coins).ok_or_else(|| broken("too many coins"))?;
            let entry_id = format!("topup#{reference}");
            let entry = Entry { entry_id, user_id: user_id.clone(), delta, coins_balance: after, at: now };
            let entry = serde_dynamo::to_item(entry).map_err(broken)?;
            let actions =
                [self.entries.append(entry), self.profiles.table().add_coins(user_id, *coins, before, after)];
            let [earlier, _] = match transact(&self.client, actions).await {
                Ok(()) => {
                    metrics::count(Metric::CoinsAdded, coins.count());
                    return Ok(after);
                }
                Err(TransactError::Refused(findings)) => first_two(findings),
                Err(TransactError::Unavailable(unavailable)) => return Err(unavailable.into()),
            };
            if let Some(earlier) = earlier {
                let earlier: Entry = serde_dynamo::from_item(earlier).map_err(broken)?;
                let same = earlier.user_id == *user_id && earlier.delta == delta;
                return if same { Ok(earlier.coins_balance) } else { Err(TopUpRefused::ReferenceReused) };
            }
            sleep(longest_pause.mul_f64(fastrand::f64())).await;
            longest_pause = (longest_pause * 2).min(LONGEST_PAUSE);
        }
        Err(kept_changing("the balance kept changing").into())
    }
}
