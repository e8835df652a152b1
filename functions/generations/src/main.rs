//! The Lambda binary of `GET /api/generations` and `GET /api/generations/{generation_id}`.

use common::aws::Aws;
use common::net::Trust;
use common::{api, config, logs, net};
use generations::{Config, ListGenerations};
use jiff::Timestamp;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let http = net::client(Trust::of(&config::environment)?);
    let aws = Aws::from_environment(&config::environment, http)?;
    let key = config.cursor_key.clone().fetch(&aws).await?;
    let function = &ListGenerations::new(config, &key, aws.dynamodb());
    api::run(|request| function.handle(request, Timestamp::now())).await
}
