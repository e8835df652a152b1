//! The Lambda binary of take-coins.

use lambda_runtime::Error;
use take_coins::TakeCoins;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::events::run::<TakeCoins>().await
}
