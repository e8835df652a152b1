//! Lambda: runs the functions under the service's rules, their handlers in this process or their binaries as
//! processes.
//!
//! Every invocation has its own task, so it outlives a caller that goes away, as on Lambda.

mod emulator;
mod handler;
mod process;
mod processes;
#[cfg(test)]
mod tests;

use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use lambda_runtime::{Config, Context};
use runtime_api::error;
use sam_template::place::function_arn;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tracing::{Instrument, info, info_span, warn};
use uuid::Uuid;

pub use emulator::emulated;
pub use handler::{FunctionError, Handler, event_handler, http_handler};
pub use process::Bootstrap;
pub use processes::Processes;

/// The longest payload and the longest response of a synchronous invocation, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT_BYTES: usize = 6_291_456;

/// One function of the local stack.
pub struct Function {
    pub name: String,
    /// The longest time of one invocation.
    pub timeout: Duration,
    pub handler: Handler,
}

/// The functions of the local stack, ready to be invoked. A clone is the same service.
#[derive(Clone)]
pub struct LocalLambda {
    functions: Arc<BTreeMap<String, Function>>,
    in_flight: watch::Sender<usize>,
}

/// An invocation that did not reach a function.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    #[error("Function not found: {arn}")]
    FunctionNotFound {
        /// The ARN that such a function would have.
        arn: String,
    },
    #[error("Request must be smaller than {PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation")]
    PayloadTooLarge,
    #[error("Could not parse request body into json: {0}")]
    PayloadNotJson(#[source] serde_json::Error),
}

/// A finished invocation.
#[derive(Debug)]
pub struct Invocation {
    /// The id in the function's context.
    pub request_id: String,
    /// The function's response as JSON text, or its error.
    pub outcome: Result<Bytes, FunctionError>,
}

/// A running invocation. Dropping it does not stop the function.
#[derive(Debug)]
pub struct Running {
    request_id: String,
    task: JoinHandle<Result<Bytes, FunctionError>>,
}

impl LocalLambda {
    /// The service with these functions. Of two with one name the later is used.
    pub fn new(functions: impl IntoIterator<Item = Function>) -> Self {
        let functions = functions.into_iter().map(|function| (function.name.clone(), function));
        Self { functions: Arc::new(functions.collect()), in_flight: watch::Sender::new(0) }
    }

    pub fn function(&self, name: &str) -> Result<&Function, InvokeError> {
        self.functions.get(name).ok_or_else(|| InvokeError::FunctionNotFound { arn: function_arn(name) })
    }

    /// Runs a function to its end. Dropping the future does not stop the function.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Result<Invocation, InvokeError> {
        Ok(self.start(name, &payload)?.finished().await)
    }

    /// Starts a function without waiting for it. Must be called within a Tokio runtime.
    ///
    /// An empty payload is the event `{}`, as on Lambda.
    pub fn start(&self, name: &str, payload: &[u8]) -> Result<Running, InvokeError> {
        let function = self.function(name)?;
        if payload.len() > PAYLOAD_LIMIT_BYTES {
            return Err(InvokeError::PayloadTooLarge);
        }
        let event = if payload.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(payload).map_err(InvokeError::PayloadNotJson)?
        };

        let request_id = Uuid::new_v4().to_string();
        let invocation = run(function, event, context(function, &request_id));
        let in_flight = self.in_flight.clone();
        in_flight.send_modify(|running| *running += 1);
        let task = tokio::spawn(async move {
            let outcome = invocation.await;
            in_flight.send_modify(|running| *running -= 1);
            outcome
        });
        Ok(Running { request_id, task })
    }

    /// How many invocations are running.
    pub fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// Waits until no invocation is running, or until the time is up.
    pub async fn drain(&self, at_most: Duration) {
        let mut in_flight = self.in_flight.subscribe();
        let idle = in_flight.wait_for(|running| *running == 0);
        if tokio::time::timeout(at_most, idle).await.is_err() {
            warn!(in_flight = self.in_flight(), "functions are still running");
        }
    }
}

impl Running {
    /// The id in the function's context.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    pub async fn finished(self) -> Invocation {
        let outcome = self.task.await.unwrap_or_else(|stopped| Err(not_finished(stopped)));
        Invocation { request_id: self.request_id, outcome }
    }
}

/// Runs one invocation. The handler has a task of its own, so that one which never yields is still reported
/// as timed out.
fn run(
    function: &Function,
    event: Value,
    context: Context,
) -> impl Future<Output = Result<Bytes, FunctionError>> + Send + use<> {
    let (timeout, handler) = (function.timeout, Arc::clone(&function.handler));
    let request_id = context.request_id.clone();
    let span = info_span!("invocation", function = function.name, request_id);
    async move {
        let started = Instant::now();
        let mut task = tokio::spawn(async move { handler(event, context).await }.instrument(span.clone()));
        let outcome = match tokio::time::timeout(timeout, &mut task).await {
            Ok(Ok(response)) => response.and_then(|response| serialised(&response)),
            Ok(Err(stopped)) => Err(not_finished(stopped)),
            Err(_) => {
                task.abort();
                Err(timed_out(&request_id, timeout))
            }
        };
        let duration_ms = started.elapsed().as_millis();
        span.in_scope(|| match &outcome {
            Ok(response) => info!(duration_ms, answer_bytes = response.len(), "function answered"),
            Err(error) => warn!(duration_ms, error.error_type, error.error_message, "function failed"),
        });
        outcome
    }
}

fn context(function: &Function, request_id: &str) -> Context {
    let timeout_ms = i64::try_from(function.timeout.as_millis()).unwrap_or(i64::MAX);
    let deadline_ms = jiff::Timestamp::now().as_millisecond().saturating_add(timeout_ms);

    let mut context = Context::default();
    context.request_id = request_id.to_owned();
    context.deadline = u64::try_from(deadline_ms).unwrap_or_default();
    context.invoked_function_arn = function_arn(&function.name);
    context.env_config = Arc::new(Config {
        function_name: function.name.clone(),
        version: "$LATEST".to_owned(),
        ..Config::default()
    });
    context
}

fn serialised(response: &Value) -> Result<Bytes, FunctionError> {
    let response = Bytes::from(response.to_string());
    if response.len() > PAYLOAD_LIMIT_BYTES {
        let message = format!(
            "Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT_BYTES} bytes)."
        );
        return Err(error("Function.ResponseSizeTooLarge", message));
    }
    Ok(response)
}

fn timed_out(request_id: &str, timeout: Duration) -> FunctionError {
    let seconds = timeout.as_secs_f64();
    let message = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
    error("Sandbox.Timedout", message)
}

/// A panic, in the words of `lambda_runtime`; or a task that the end of the stack stopped.
fn not_finished(stopped: JoinError) -> FunctionError {
    let Ok(panic) = stopped.try_into_panic() else {
        return error("Runtime.ExitError", "The local stack stopped before the function finished");
    };
    let message =
        panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    let message =
        message.map_or("Lambda panicked".to_owned(), |message| format!("Lambda panicked: {message}"));
    error(type_name::<&Box<dyn Any + Send>>(), message)
}
