//! add-coins: credits a payment. It has no route; IAM decides who may invoke it.

use common::coins::Coins;
use common::events::EventFunction;
use common::function::{Function, Platform, StartError};
use common::identity::UserId;
use common::ledger::{TopUp, TopUpRefused, TopUps};
use common::settings::Settings;
use common::tables::{LedgerTable, ProfilesTable};
use common::validation::{Faults, Fields};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// Most coins of one payment; a guard against a slip of the finger.
const MAX_COINS: u64 = 1_000_000;

/// Longest payment reference, in characters. It becomes part of a key.
const MAX_REFERENCE_CHARS: usize = 255;

/// What was credited.
#[derive(Debug, Serialize)]
pub struct Credited {
    pub user_id: UserId,
    /// The settled balance right after this payment, also when it was credited before.
    pub coins_balance: Coins,
}

/// Why nothing was credited. The name of the variant is the error type that the invoker sees.
#[derive(Debug, Error)]
pub enum AddCoinsError {
    /// The event is not a top-up.
    #[error("the event is not valid: {0}")]
    InvalidRequest(String),
    /// The reference was credited before, to another user or with another amount.
    #[error("the reference was used before, for another user or another number of coins")]
    ReferenceReused,
    /// The database did not decide. The same reference may be sent again.
    #[error("the coins could not be credited now; invoke again with the same reference")]
    TryAgain,
}

impl From<AddCoinsError> for Diagnostic {
    fn from(error: AddCoinsError) -> Self {
        let error_type = match error {
            AddCoinsError::InvalidRequest(_) => "InvalidRequest",
            AddCoinsError::ReferenceReused => "ReferenceReused",
            AddCoinsError::TryAgain => "TryAgain",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

#[derive(Debug)]
pub struct AddCoins {
    top_ups: TopUps,
}

impl Function for AddCoins {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = (ProfilesTable, LedgerTable);

    fn load(settings: &mut Settings<'_>) -> Option<Self::Config> {
        let (profiles, ledger) = (ProfilesTable::load(settings), LedgerTable::load(settings));
        Some((profiles?, ledger?))
    }

    async fn connect((profiles, ledger): Self::Config, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self { top_ups: TopUps::new(platform.aws()?.dynamodb(), profiles, ledger) })
    }
}

impl EventFunction for AddCoins {
    type Event = Value;
    type Output = Credited;
    type Error = AddCoinsError;

    /// Credits one payment, once however often it is invoked.
    async fn handle(&self, event: Value, now: Timestamp) -> Result<Credited, AddCoinsError> {
        let top_up = read(event)?;
        let TopUp { user_id, coins, reference } = &top_up;
        match self.top_ups.credit(&top_up, now).await {
            Ok(coins_balance) => {
                tracing::info!(%user_id, coins = coins.count(), reference, coins_balance = coins_balance.count(), "coins added");
                Ok(Credited { user_id: top_up.user_id, coins_balance })
            }
            Err(TopUpRefused::ReferenceReused) => {
                tracing::warn!(%user_id, coins = coins.count(), reference, "reference was used for another top-up");
                Err(AddCoinsError::ReferenceReused)
            }
            Err(TopUpRefused::Unavailable(cause)) => {
                tracing::error!(%user_id, coins = coins.count(), reference, %cause, "coins could not be added");
                Err(AddCoinsError::TryAgain)
            }
        }
    }
}

fn read(event: Value) -> Result<TopUp, AddCoinsError> {
    let Value::Object(event) = event else {
        return Err(AddCoinsError::InvalidRequest("it must be a JSON object".to_owned()));
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
    let coins =
        fields.take("coins").and_then(|coins| coins.as_u64()).filter(|coins| (1..=MAX_COINS).contains(coins));
    if coins.is_none() {
        fields.invalid("coins", format!("must be a whole number from 1 to {MAX_COINS}"));
    }
    let reference = fields.text("reference", MAX_REFERENCE_CHARS);
    if reference.is_none() {
        fields.missing("reference", "is required: the payment's own id");
    }
    fields.refuse_rest(|_| "is not a field of this event".to_owned());
    let top_up = match (user_id, coins, reference) {
        (Some(user_id), Some(coins), Some(reference)) => {
            Some(TopUp { user_id, coins: Coins::new(coins), reference })
        }
        _ => None,
    };
    faults.or_some(top_up).map_err(|faults| {
        let faults: Vec<_> =
            faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect();
        AddCoinsError::InvalidRequest(faults.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_is_read() {
        let top_up =
            read(json!({"user_id": "u", "coins": 1_000_000, "reference": " payment-1 "})).expect("valid");
        assert_eq!((top_up.coins, top_up.reference.as_str()), (Coins::new(1_000_000), "payment-1"));
    }

    #[test]
    fn every_fault_is_named() {
        for coins in [json!(0), json!(-1), json!(1.5), json!("5"), json!(1_000_001), json!(null)] {
            let event = json!({"user_id": "", "coins": coins, "extra": 1});
            let error = read(event).expect_err("faults").to_string();
            for field in ["/user_id", "/coins", "/reference", "/extra"] {
                assert!(error.contains(field), "{error}");
            }
        }
        assert!(read(json!([])).is_err());
    }
}
