//! The Lambda binary of add-coins.

use add_coins::{AddCoins, Config};
use common::{aws, config, logs};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = aws::from_environment().await;
    let function = &AddCoins::new(config, aws::dynamodb(&aws));
    run(service_fn(async |event: LambdaEvent<Value>| function.handle(event).await.map_err(Diagnostic::from)))
        .await
}
