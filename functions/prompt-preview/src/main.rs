//! The Lambda binary of `POST /api/prompt-preview`.

use common::{api, config, logs};
use jiff::Timestamp;
use lambda_http::Error;
use prompt_preview::{Config, PromptPreview};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let function = &PromptPreview;
    api::run(|request| function.handle(request, Timestamp::now())).await
}
