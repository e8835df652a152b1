//! add-coins: credits a payment. It has no route; IAM decides who may invoke it.

use common::events::EventFunction;
use common::function::{Function, Platform, StartError};
use common::ledger::{Entered, Payment, PaymentRefused, PaymentTables, Payments};
use common::settings::Settings;
use jiff::Timestamp;
use serde_json::Value;

#[derive(Debug)]
pub struct AddCoins {
    payments: Payments,
}

impl Function for AddCoins {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = PaymentTables;

    fn load(settings: &mut Settings<'_>) -> Option<PaymentTables> {
        PaymentTables::load(settings)
    }

    async fn connect(tables: PaymentTables, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self { payments: Payments::connect(tables, platform)? })
    }
}

impl EventFunction for AddCoins {
    type Event = Value;
    type Output = Entered;
    type Error = PaymentRefused;

    /// Credits one payment, once however often it is invoked.
    async fn handle(&self, event: Value, now: Timestamp) -> Result<Entered, PaymentRefused> {
        self.payments.credit(&Payment::read(event)?, now).await
    }
}
