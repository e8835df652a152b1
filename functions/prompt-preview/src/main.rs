//! The Lambda binary of `POST /api/prompt-preview`.

use lambda_http::Error;
use prompt_preview::PromptPreview;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<PromptPreview>().await
}
