//! The Lambda binary of `GET /api/generations` and `GET /api/generations/{generation_id}`.

use generations::ListGenerations;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<ListGenerations>().await
}
