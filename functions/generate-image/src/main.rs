//! The Lambda binary of `POST /api/generate-image`.

use common::aws::Aws;
use common::net::Trust;
use common::{api, config, logs, net};
use generate_image::{Config, GenerateImage};
use jiff::Timestamp;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let http = net::client(Trust::of(&config::environment)?);
    let aws = Aws::from_environment(&config::environment, http.clone())?;
    let key = config.fal.key.clone().fetch(&aws).await?;
    let function = &GenerateImage::new(config, &key, aws.dynamodb(), aws.s3(), http);
    api::run(|request| function.handle(request, Timestamp::now())).await
}
