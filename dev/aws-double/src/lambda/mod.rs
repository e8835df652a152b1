//! Lambda for the local stack: runs the functions under the service's rules, their handlers in this process or
//! their binaries as processes.
//!
//! Every invocation has its own task, so a caller that goes away cancels nothing, just as on Lambda.

mod emulator;
mod handler;
mod process;
mod processes;
mod runtime_api;
#[cfg(test)]
mod tests;

use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use lambda_runtime::{Config, Context};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tracing::{Instrument, info, info_span, warn};
use uuid::Uuid;

use sam_template::place::{ACCOUNT_ID, REGION};

pub use emulator::emulated;
pub use handler::{FunctionError, Handler, event_handler, http_handler};
pub use process::Bootstrap;
pub use processes::Processes;

/// The most that one synchronous invocation takes in, and the most that it gives back, in bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT_BYTES: usize = 6_291_456;

/// One function of the local stack.
pub struct Function {
    /// The name it is invoked by.
    pub name: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// What it runs.
    pub handler: Handler,
}

/// The functions of the local stack, ready to be invoked. A clone is the same service.
#[derive(Clone)]
pub struct LocalLambda {
    functions: Arc<BTreeMap<String, Arc<Function>>>,
    in_flight: watch::Sender<usize>,
}

/// An invocation that never reached a function.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// No function has this name.
    #[error("Function not found: {arn}")]
    FunctionNotFound {
        /// The ARN such a function would have.
        arn: String,
    },
    /// The payload is over [`PAYLOAD_LIMIT_BYTES`].
    #[error("Request must be smaller than {PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation")]
    PayloadTooLarge,
    /// The payload is not JSON.
    #[error("Could not parse request body into json: {0}")]
    PayloadNotJson(#[source] serde_json::Error),
}

/// A finished invocation.
#[derive(Debug)]
pub struct Invocation {
    /// The id that the function saw in its context.
    pub request_id: String,
    /// The function's answer as JSON text, or why there is none.
    pub outcome: Result<Bytes, FunctionError>,
}

/// An invocation under way. Dropping it leaves the function running.
#[derive(Debug)]
pub struct Running {
    request_id: String,
    task: JoinHandle<Result<Bytes, FunctionError>>,
}

impl LocalLambda {
    /// Takes the functions; of two with one name the later wins.
    pub fn new(functions: impl IntoIterator<Item = Function>) -> Self {
        let functions = functions.into_iter().map(|function| (function.name.clone(), Arc::new(function)));
        Self { functions: Arc::new(functions.collect()), in_flight: watch::Sender::new(0) }
    }

    /// The function of that name, if there is one.
    pub fn function(&self, name: &str) -> Result<&Arc<Function>, InvokeError> {
        self.functions.get(name).ok_or_else(|| InvokeError::FunctionNotFound { arn: arn(name) })
    }

    /// Runs a function to its end. Dropping the future does not stop the function.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Result<Invocation, InvokeError> {
        Ok(self.start(name, &payload)?.finished().await)
    }

    /// Starts a function and does not wait for it. Must be called within a Tokio runtime.
    ///
    /// An empty payload is the event `{}`, as on Lambda.
    pub fn start(&self, name: &str, payload: &[u8]) -> Result<Running, InvokeError> {
        let function = Arc::clone(self.function(name)?);
        if payload.len() > PAYLOAD_LIMIT_BYTES {
            return Err(InvokeError::PayloadTooLarge);
        }
        let event = if payload.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(payload).map_err(InvokeError::PayloadNotJson)?
        };

        let request_id = Uuid::new_v4().to_string();
        let context = context(&function, &request_id);
        let counted = InFlight::count(&self.in_flight);
        let task = tokio::spawn(async move {
            let outcome = run(&function, event, context).await;
            drop(counted);
            outcome
        });
        Ok(Running { request_id, task })
    }

    /// How many invocations are running.
    pub fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// Waits until nothing is running, or until the time is up.
    pub async fn drain(&self, at_most: Duration) {
        let mut in_flight = self.in_flight.subscribe();
        let idle = in_flight.wait_for(|running| *running == 0);
        if tokio::time::timeout(at_most, idle).await.is_err() {
            warn!(in_flight = self.in_flight(), "functions are still running");
        }
    }
}

impl Running {
    /// The id that the function sees in its context.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Waits for the end.
    pub async fn finished(self) -> Invocation {
        let outcome = self.task.await.unwrap_or_else(|stopped| Err(not_finished(stopped)));
        Invocation { request_id: self.request_id, outcome }
    }
}

/// The ARN of a local function. A name that no function has is given one too: error messages quote it.
pub fn arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}

/// Runs one invocation. The handler has a task of its own within this one, so that a handler which never
/// yields is still reported as timed out.
async fn run(function: &Function, event: Value, context: Context) -> Result<Bytes, FunctionError> {
    let request_id = context.request_id.clone();
    let span = info_span!("invocation", function = function.name, request_id);
    let started = Instant::now();

    let handler = Arc::clone(&function.handler);
    let mut task = tokio::spawn(async move { handler(event, context).await }.instrument(span.clone()));
    let outcome = match tokio::time::timeout(function.timeout, &mut task).await {
        Ok(Ok(answer)) => answer.and_then(|answer| serialised(&answer)),
        Ok(Err(stopped)) => Err(not_finished(stopped)),
        Err(_) => {
            task.abort();
            Err(timed_out(&request_id, function.timeout))
        }
    };

    let duration_ms = started.elapsed().as_millis();
    span.in_scope(|| match &outcome {
        Ok(answer) => info!(duration_ms, answer_bytes = answer.len(), "function answered"),
        Err(error) => warn!(duration_ms, error.error_type, error.error_message, "function failed"),
    });
    outcome
}

fn context(function: &Function, request_id: &str) -> Context {
    let timeout_ms = i64::try_from(function.timeout.as_millis()).unwrap_or(i64::MAX);
    let deadline_ms = jiff::Timestamp::now().as_millisecond().saturating_add(timeout_ms);

    let mut context = Context::default();
    context.request_id = request_id.to_owned();
    context.deadline = u64::try_from(deadline_ms).unwrap_or_default();
    context.invoked_function_arn = arn(&function.name);
    context.env_config = Arc::new(Config {
        function_name: function.name.clone(),
        version: "$LATEST".to_owned(),
        ..Config::default()
    });
    context
}

fn serialised(answer: &Value) -> Result<Bytes, FunctionError> {
    let answer = Bytes::from(answer.to_string());
    if answer.len() > PAYLOAD_LIMIT_BYTES {
        return Err(FunctionError {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            error_message: format!(
                "Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT_BYTES} bytes)."
            ),
        });
    }
    Ok(answer)
}

fn timed_out(request_id: &str, timeout: Duration) -> FunctionError {
    let seconds = timeout.as_secs_f64();
    FunctionError {
        error_type: "Sandbox.Timedout".to_owned(),
        error_message: format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
    }
}

/// A panic, worded as `lambda_runtime` does; or a task that was stopped because the whole stack stops.
fn not_finished(stopped: JoinError) -> FunctionError {
    let Ok(panic) = stopped.try_into_panic() else {
        return FunctionError {
            error_type: "Runtime.ExitError".to_owned(),
            error_message: "The local stack stopped before the function finished".to_owned(),
        };
    };
    let message =
        panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    FunctionError {
        error_type: type_name::<&Box<dyn Any + Send>>().to_owned(),
        error_message: message
            .map_or("Lambda panicked".to_owned(), |said| format!("Lambda panicked: {said}")),
    }
}

/// The value behind a lock, of which no holder leaves a half.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One running invocation in the count, for as long as this value lives.
struct InFlight(watch::Sender<usize>);

impl InFlight {
    fn count(in_flight: &watch::Sender<usize>) -> Self {
        in_flight.send_modify(|running| *running += 1);
        Self(in_flight.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}
