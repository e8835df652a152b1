//! The Lambda binary of `POST /api/generate-image`.

use std::convert::Infallible;

use common::{aws, config, logs};
use generate_image::{Config, GenerateImage};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = aws::from_environment().await;
    let key = config.fal.key.clone().fetch(&aws).await?;
    let function = &GenerateImage::new(config, &key, aws::dynamodb(&aws), aws::s3(&aws))?;
    run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
