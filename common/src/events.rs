//! A function that is invoked with an event of its own kind, and not through the HTTP API.

use futures::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::function::{self, Function};
use crate::invocation;

/// A function that AWS, or an operator, invokes directly.
pub trait EventFunction: Function {
    type Event: DeserializeOwned + Send;
    type Output: Serialize;
    /// What the invoker sees of a failure: an error type and a message.
    type Error: Into<Diagnostic>;

    /// Handles one event, which arrived at `now`.
    fn handle(
        &self,
        event: Self::Event,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// Serves events until the process ends.
///
/// # Errors
///
/// When the function cannot start, or Lambda's Runtime API cannot be reached.
pub async fn run<F: EventFunction>() -> Result<(), Error> {
    let function = &function::start::<F>().await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<F::Event>| {
        invoke(function, event, Timestamp::now()).await.map_err(Into::into)
    }))
    .await
}

/// Handles one event as Lambda has it handled: with the log fields and the line of metrics of an invocation.
///
/// # Errors
///
/// As the function's own.
pub async fn invoke<F: EventFunction>(
    function: &F,
    event: LambdaEvent<F::Event>,
    now: Timestamp,
) -> Result<F::Output, F::Error> {
    let handled = function.handle(event.payload, now).boxed();
    invocation::observed(Some(&event.context), handled).await
}
