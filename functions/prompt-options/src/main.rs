//! The Lambda binary of `GET /api/prompt-options`.

use lambda_http::Error;
use prompt_options::PromptOptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<PromptOptions>().await
}
