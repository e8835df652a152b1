//! The Lambda binary of `GET /api/coin-balance`.

use std::convert::Infallible;

use coin_balance::{CoinBalance, Config};
use common::{aws, config, logs};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = aws::from_environment().await;
    let function = &CoinBalance::new(config, aws::dynamodb(&aws));
    run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
