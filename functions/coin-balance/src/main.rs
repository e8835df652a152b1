//! The Lambda binary of `GET /api/coin-balance`.

use coin_balance::CoinBalance;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<CoinBalance>().await
}
