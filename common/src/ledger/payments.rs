//! Payments: each adds its coins once, or takes them back once.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::FOLLOW_BALANCE_FOR;
use super::expressions::Entry;
use super::profile::{Profile, Profiles};
use super::transact::{TransactError, Unavailable, broken, first_two, kept_changing, transact};
use crate::coins::Coins;
use crate::function::{Platform, StartError};
use crate::identity::UserId;
use crate::metrics::{self, Metric};
use crate::settings::Settings;
use crate::tables::{LedgerTable, ProfilesTable};
use crate::validation::{Faults, Fields};

/// Most coins of one payment; a guard against a slip of the finger.
const MAX_COINS: u64 = 1_000_000;

/// Longest payment reference, in characters. It becomes part of a key.
const MAX_REFERENCE_CHARS: usize = 255;

/// Longest pause before the balance is read again; the first is a thirty-second of it. Many payments of one
/// user at once would otherwise spend their time refusing each other.
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

/// A payment, or its return.
#[derive(Debug, Clone)]
pub struct Payment {
    pub user_id: UserId,
    pub coins: Coins,
    /// The id of the payment, or of the refund or chargeback: what is entered once.
    pub reference: String,
}

/// What was entered.
#[derive(Debug, Serialize)]
pub struct Entered {
    pub user_id: UserId,
    /// The settled balance right after the entry, also when the entry was made before.
    pub coins_balance: Coins,
}

/// Why nothing was entered. The invoker sees the name of the variant as the error type, and the text.
#[derive(Debug, Error)]
pub enum PaymentRefused {
    /// The event is no payment.
    #[error("the event is not valid: {0}")]
    InvalidRequest(String),
    /// The reference was entered before, for another user or with another amount.
    #[error("the reference was used before, for another user or another number of coins")]
    ReferenceReused,
    /// More coins were to be taken back than the user has available.
    #[error("the user has {available} coins available; nothing was taken")]
    TooFewCoins { available: Coins },
    /// The database did not decide.
    #[error("the coins could not be entered now; invoke again with the same reference")]
    TryAgain(#[from] Unavailable),
}

impl From<PaymentRefused> for Diagnostic {
    fn from(refused: PaymentRefused) -> Self {
        let error_type = match refused {
            PaymentRefused::InvalidRequest(_) => "InvalidRequest",
            PaymentRefused::ReferenceReused => "ReferenceReused",
            PaymentRefused::TooFewCoins { .. } => "TooFewCoins",
            PaymentRefused::TryAgain(_) => "TryAgain",
        };
        Self { error_type: error_type.to_owned(), error_message: refused.to_string() }
    }
}

impl Payment {
    /// Reads an event. All its faults are found at once.
    pub fn read(event: Value) -> Result<Self, PaymentRefused> {
        let Value::Object(event) = event else {
            return Err(PaymentRefused::InvalidRequest("it must be a JSON object".to_owned()));
        };
        let mut faults = Faults::default();
        let mut fields = Fields::new(event, "", &mut faults);
        let user_id = match fields.take("user_id") {
            Some(Value::String(text)) => {
                UserId::parse(&text).map_err(|error| fields.invalid("user_id", error.to_string())).ok()
            }
            _ => {
                fields.invalid("user_id", "must be a string");
                None
            }
        };
        let coins = fields.take("coins").and_then(|coins| coins.as_u64());
        let coins = coins.filter(|coins| (1..=MAX_COINS).contains(coins)).map(Coins::new);
        if coins.is_none() {
            fields.invalid("coins", format!("must be a whole number from 1 to {MAX_COINS}"));
        }
        let reference = fields.text("reference", MAX_REFERENCE_CHARS);
        if reference.is_none() {
            fields.missing("reference", "is required: the payment's own id");
        }
        fields.refuse_rest(|_| "is not a field of this event".to_owned());
        let payment = user_id.zip(coins).zip(reference);
        let payment = payment.map(|((user_id, coins), reference)| Self { user_id, coins, reference });
        faults.or_some(payment).map_err(|faults| {
            let faults = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.message));
            PaymentRefused::InvalidRequest(faults.collect::<Vec<_>>().join("; "))
        })
    }
}

/// The tables that a payment changes.
#[derive(Debug, Clone)]
pub struct PaymentTables {
    profiles: ProfilesTable,
    ledger: LedgerTable,
}

impl PaymentTables {
    /// Reads `PROFILES_TABLE` and `LEDGER_TABLE`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let (profiles, ledger) = (ProfilesTable::load(settings), LedgerTable::load(settings));
        Some(Self { profiles: profiles?, ledger: ledger? })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Credit,
    TakeBack,
}

/// Enters payments in the ledger.
#[derive(Debug, Clone)]
pub struct Payments {
    client: Client,
    profiles: Profiles,
    entries: LedgerTable,
}

impl Payments {
    /// Writes to these tables through `client`.
    pub fn new(client: Client, profiles: ProfilesTable, entries: LedgerTable) -> Self {
        Self { profiles: Profiles::new(client.clone(), profiles), entries, client }
    }

    /// The payments in `tables`, with a client of DynamoDB.
    ///
    /// # Errors
    ///
    /// When the Lambda environment is incomplete.
    pub fn connect(tables: PaymentTables, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self::new(platform.aws()?.dynamodb(), tables.profiles, tables.ledger))
    }

    /// Adds a payment's coins once. Returns the settled balance right after that, also when they
    /// were added by an earlier call.
    pub async fn credit(&self, payment: &Payment, now: Timestamp) -> Result<Entered, PaymentRefused> {
        self.enter_and_log(payment, Direction::Credit, now).await
    }

    /// Takes coins back once, for a refund or a chargeback. Coins that are held or spent stay: if fewer are
    /// available, nothing is taken.
    pub async fn take_back(&self, payment: &Payment, now: Timestamp) -> Result<Entered, PaymentRefused> {
        self.enter_and_log(payment, Direction::TakeBack, now).await
    }

    async fn enter_and_log(
        &self,
        payment: &Payment,
        direction: Direction,
        now: Timestamp,
    ) -> Result<Entered, PaymentRefused> {
        let entered = self.enter(payment, direction, now).await;
        let Payment { user_id, coins, reference } = payment;
        let (coins, done) = (coins.count(), direction.done());
        match &entered {
            Ok(Entered { coins_balance, .. }) => {
                let coins_balance = coins_balance.count();
                tracing::info!(%user_id, coins, reference, coins_balance, "coins {done}");
            }
            Err(PaymentRefused::TryAgain(cause)) => {
                tracing::error!(%user_id, coins, reference, %cause, "coins could not be {done}");
            }
            Err(refused) => tracing::warn!(%user_id, coins, reference, %refused, "coins were not {done}"),
        }
        entered
    }

    async fn enter(
        &self,
        payment: &Payment,
        direction: Direction,
        now: Timestamp,
    ) -> Result<Entered, PaymentRefused> {
        let Payment { user_id, coins, reference } = payment;
        let amount = i64::try_from(coins.count()).map_err(broken)?;
        let (entry_id, delta) = match direction {
            Direction::Credit => (format!("topup#{reference}"), amount),
            Direction::TakeBack => (format!("takeback#{reference}"), -amount),
        };
        let entered = |coins_balance| Ok(Entered { user_id: user_id.clone(), coins_balance });
        let give_up = Instant::now() + FOLLOW_BALANCE_FOR;
        let mut longest_pause = LONGEST_PAUSE / 32;
        while Instant::now() < give_up {
            let before = self.profiles.read(user_id).await?.coins_balance;
            let balance = before.unwrap_or_default();
            let table = self.profiles.table();
            let (after, change) = match direction {
                Direction::Credit => {
                    let after = balance.checked_add(*coins).ok_or_else(|| broken("too many coins"))?;
                    (after, table.add_coins(user_id, *coins, before, after))
                }
                // Of too few coins the transaction takes none, unless it finds that it was applied before.
                Direction::TakeBack => {
                    let after = balance.checked_sub(*coins).unwrap_or_default();
                    (after, table.take_coins(user_id, *coins, balance, after))
                }
            };
            let (entry_id, user) = (entry_id.clone(), user_id.clone());
            let entry = Entry { entry_id, user_id: user, delta, coins_balance: after, at: now };
            let entry = serde_dynamo::to_item(entry).map_err(broken)?;
            let findings = match transact(&self.client, [self.entries.append(entry), change]).await {
                Ok(()) => {
                    metrics::count(direction.metric(), coins.count());
                    return entered(after);
                }
                Err(TransactError::Refused(findings)) => findings,
                Err(TransactError::Unavailable(unavailable)) => return Err(unavailable.into()),
            };
            let [earlier, profile] = first_two(findings);
            if let Some(earlier) = earlier {
                let earlier: Entry = serde_dynamo::from_item(earlier).map_err(broken)?;
                let same = earlier.user_id == *user_id && earlier.delta == delta;
                return if same {
                    entered(earlier.coins_balance)
                } else {
                    Err(PaymentRefused::ReferenceReused)
                };
            }
            if direction == Direction::TakeBack {
                let available = Profile::read(profile.unwrap_or_default()).map_err(broken)?.free();
                if available < *coins {
                    return Err(PaymentRefused::TooFewCoins { available });
                }
            }
            sleep(longest_pause.mul_f64(fastrand::f64())).await;
            longest_pause = (longest_pause * 2).min(LONGEST_PAUSE);
        }
        Err(kept_changing("the balance kept changing").into())
    }
}

impl Direction {
    /// What happens to the coins, for the log.
    fn done(self) -> &'static str {
        match self {
            Self::Credit => "added",
            Self::TakeBack => "taken back",
        }
    }

    fn metric(self) -> Metric {
        match self {
            Self::Credit => Metric::CoinsAdded,
            Self::TakeBack => Metric::CoinsTakenBack,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_is_read() {
        let payment = Payment::read(json!({"user_id": "u", "coins": 1_000_000, "reference": " payment-1 "}));
        let payment = payment.expect("valid");
        assert_eq!((payment.coins, payment.reference.as_str()), (Coins::new(1_000_000), "payment-1"));
    }

    #[test]
    fn every_fault_is_named() {
        for coins in [json!(0), json!(-1), json!(1.5), json!("5"), json!(1_000_001), json!(null)] {
            let event = json!({"user_id": "", "coins": coins, "extra": 1});
            let error = Payment::read(event).expect_err("faults").to_string();
            for field in ["/user_id", "/coins", "/reference", "/extra"] {
                assert!(error.contains(field), "{error}");
            }
        }
        assert!(Payment::read(json!([])).is_err());
    }
}
