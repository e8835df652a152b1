//! The Lambda binary of `POST /api/fal-webhook/{callback}`.

use fal_webhook::FalWebhook;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<FalWebhook>().await
}
