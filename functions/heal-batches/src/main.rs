//! The Lambda binary of heal-batches.

use heal_batches::HealBatches;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    common::events::run::<HealBatches>().await
}
