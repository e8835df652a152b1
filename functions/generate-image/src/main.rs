//! The Lambda binary of `POST /api/generate-image`.

use generate_image::GenerateImage;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::api::run::<GenerateImage>().await
}
