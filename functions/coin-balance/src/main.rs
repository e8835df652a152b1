//! The Lambda binary of `GET /api/coin-balance`.

use coin_balance::{CoinBalance, Config};
use common::aws::Aws;
use common::{api, config, logs, net};
use jiff::Timestamp;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = Aws::from_environment(&config::environment, net::client())?;
    let function = &CoinBalance::new(config, aws.dynamodb());
    api::run(|request| function.handle(request, Timestamp::now())).await
}
