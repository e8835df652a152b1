//! add-coins: credits a payment. It has no route; IAM decides who may invoke it.

use common::events::EventFunction;
use common::function::{Function, Platform, StartError};
use common::ledger::{Entered, Payment, PaymentRefused, Payments};
use common::settings::Settings;
use common::tables::{LedgerTable, ProfilesTable};
use jiff::Timestamp;
use serde_json::Value;

#[derive(Debug)]
pub struct AddCoins {
    payments: Payments,
}

impl Function for AddCoins {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = (ProfilesTable, LedgerTable);

    fn load(settings: &mut Settings<'_>) -> Option<Self::Config> {
        let (profiles, ledger) = (ProfilesTable::load(settings), LedgerTable::load(settings));
        Some((profiles?, ledger?))
    }

    async fn connect((profiles, ledger): Self::Config, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self { payments: Payments::new(platform.aws()?.dynamodb(), profiles, ledger) })
    }
}

impl EventFunction for AddCoins {
    type Event = Value;
    type Output = Entered;
    type Error = PaymentRefused;

    /// Credits one payment, once however often it is invoked.
    async fn handle(&self, event: Value, now: Timestamp) -> Result<Entered, PaymentRefused> {
        let payment = Payment::read(event)?;
        let Payment { user_id, coins, reference } = &payment;
        let entered = self.payments.credit(&payment, now).await;
        match &entered {
            Ok(Entered { coins_balance, .. }) => {
                let coins_balance = coins_balance.count();
                tracing::info!(%user_id, coins = coins.count(), reference, coins_balance, "coins added");
            }
            Err(PaymentRefused::TryAgain(cause)) => {
                tracing::error!(%user_id, coins = coins.count(), reference, %cause, "coins could not be added");
            }
            Err(refused) => {
                tracing::warn!(%user_id, coins = coins.count(), reference, %refused, "coins were not added");
            }
        }
        entered
    }
}
