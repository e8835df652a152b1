//! The Lambda binary of `GET /api/prompt-options`.

use std::convert::Infallible;

use common::{api, config, logs};
use lambda_http::{Error, Request, service_fn};
use prompt_options::{Config, PromptOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let function = &PromptOptions;
    api::run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
