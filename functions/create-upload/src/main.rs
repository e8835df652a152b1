//! The Lambda binary of `POST /api/uploads`.

use create_upload::CreateUpload;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<CreateUpload>().await
}
