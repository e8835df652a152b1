//! The Lambda binary of authorizer.

use authorizer::{Authorizer, Config, Event};
use common::aws::Aws;
use common::net::Trust;
use common::{config, logs, net};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::load(&config::environment)?;
    logs::start(config.log_level);
    let http = net::client(Trust::of(&config::environment)?);
    let secret = match config.tokens.secret.clone() {
        Some(secret) => {
            Some(secret.fetch(&Aws::from_environment(&config::environment, http.clone())?).await?)
        }
        None => None,
    };
    let function = &Authorizer::new(config, secret.as_ref(), http);
    run(service_fn(async |event: LambdaEvent<Event>| function.handle(event).await.map_err(Diagnostic::from)))
        .await
}
