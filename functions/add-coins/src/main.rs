//! The Lambda binary of add-coins.

use add_coins::AddCoins;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::events::run::<AddCoins>().await
}
