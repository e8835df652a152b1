//! The Lambda binary of `GET /api/debug/last-prompt`.

use std::convert::Infallible;

use common::{aws, config, logs};
use debug_last_prompt::{Config, DebugLastPrompt};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = aws::from_environment().await;
    let function = &DebugLastPrompt::new(config, aws::dynamodb(&aws));
    run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
