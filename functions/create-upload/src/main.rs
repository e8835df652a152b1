//! The Lambda binary of `POST /api/uploads`.

use std::convert::Infallible;

use common::{aws, config, logs};
use create_upload::{Config, CreateUpload};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = aws::from_environment().await;
    let function = &CreateUpload::new(config, aws::s3(&aws));
    run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
