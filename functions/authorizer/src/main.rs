//! The Lambda binary of authorizer.

use authorizer::Authorizer;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::events::run::<Authorizer>().await
}
