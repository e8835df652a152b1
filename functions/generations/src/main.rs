//! The Lambda binary of `GET /api/generations` and `GET /api/generations/{generation_id}`.

use std::convert::Infallible;

use common::{aws, config, logs};
use generations::{Config, ListGenerations};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let aws = aws::from_environment().await;
    let key = config.cursor_key.clone().fetch(&aws).await?;
    let function = &ListGenerations::new(config, &key, aws::dynamodb(&aws));
    run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
