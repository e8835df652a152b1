//! The Lambda binary of add-coins.

use add_coins::{AddCoins, Config};
use common::aws::Aws;
use common::net::Trust;
use common::{config, logs, net};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let http = net::client(Trust::of(&config::environment)?);
    let aws = Aws::from_environment(&config::environment, http)?;
    let function = &AddCoins::new(config, aws.dynamodb());
    run(service_fn(async |event: LambdaEvent<Value>| {
        function.handle(event, Timestamp::now()).await.map_err(Diagnostic::from)
    }))
    .await
}
