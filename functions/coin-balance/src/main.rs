//! The Lambda binary of `GET /api/coin-balance`.

use coin_balance::{CoinBalance, Config};
use common::aws::Aws;
use common::net::Trust;
use common::{api, config, logs, net};
use jiff::Timestamp;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let http = net::client(Trust::of(&config::environment)?);
    let aws = Aws::from_environment(&config::environment, http)?;
    let function = &CoinBalance::new(config, aws.dynamodb());
    api::run(|request| function.handle(request, Timestamp::now())).await
}
