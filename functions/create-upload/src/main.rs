//! The Lambda binary of `POST /api/uploads`.

use std::convert::Infallible;

use common::aws::Aws;
use common::{api, config, logs, net};
use create_upload::{Config, CreateUpload};
use jiff::Timestamp;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = Aws::from_environment(&config::environment, net::client())?;
    let function = &CreateUpload::new(config, aws.s3());
    api::run(service_fn(async |request: Request| {
        Ok::<_, Infallible>(function.handle(request, Timestamp::now()).await)
    }))
    .await
}
