//! The Lambda binary of `GET /api/openapi.json`.

use api_description::ApiDescription;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<ApiDescription>().await
}
