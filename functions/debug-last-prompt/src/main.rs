//! The Lambda binary of `GET /api/debug/last-prompt`.

use std::convert::Infallible;

use common::aws::Aws;
use common::{api, config, logs, net};
use debug_last_prompt::{Config, DebugLastPrompt};
use jiff::Timestamp;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = Aws::from_environment(&config::environment, net::client())?;
    let function = &DebugLastPrompt::new(config, aws.dynamodb());
    api::run(service_fn(async |request: Request| {
        Ok::<_, Infallible>(function.handle(request, Timestamp::now()).await)
    }))
    .await
}
