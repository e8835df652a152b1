//! The Lambda binary of `GET /api/openapi.json`.

use api_description::{ApiDescription, Config};
use common::{api, config, logs};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let function = &ApiDescription;
    api::run(|request| function.handle(request)).await
}
