//! The Lambda binary of `GET /api/openapi.json`.

use std::convert::Infallible;

use api_description::{ApiDescription, Config};
use common::{api, config, logs};
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let function = &ApiDescription;
    api::run(service_fn(async |request: Request| Ok::<_, Infallible>(function.handle(request).await))).await
}
