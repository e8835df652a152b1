//! The Lambda binary of `GET /api/debug/last-prompt`.

use debug_last_prompt::DebugLastPrompt;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<DebugLastPrompt>().await
}
