//! The Lambda binary of `GET /api/prompt-options`.

use common::{api, config, logs};
use lambda_http::Error;
use prompt_options::{Config, PromptOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let function = &PromptOptions;
    api::run(|request| function.handle(request)).await
}
