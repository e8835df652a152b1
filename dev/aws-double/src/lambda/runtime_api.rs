//! AWS's Lambda Runtime API for one process: it asks here for events, and brings the answers here.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{StatusCode, header};
use lambda_runtime::Context;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::handler::FunctionError;
use super::locked;
use crate::backends::answering_at_once;

/// What became of an invocation.
type Outcome = Result<Value, FunctionError>;

/// An invocation on its way to the process, and whom to tell.
struct Work {
    event: Value,
    context: Context,
    outcome: oneshot::Sender<Outcome>,
}

/// The server of one process. Dropping it stops it.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    work: mpsc::Sender<Work>,
    server: JoinHandle<std::io::Result<()>>,
}

/// What the routes work on.
struct Desk {
    /// Locked for as long as the process waits for an event, which it does once at a time.
    work: tokio::sync::Mutex<mpsc::Receiver<Work>>,
    /// The invocation that the process has taken: its id, and whom to tell.
    taken: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
}

impl RuntimeApi {
    /// Listens on a loopback port of its own.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (work, to_do) = mpsc::channel(1);
        let desk = Desk { work: tokio::sync::Mutex::new(to_do), taken: Mutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request_id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{request_id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(not_started))
            // The limit of an answer is checked where every function's is.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::new(desk));
        let server = tokio::spawn(async { axum::serve(answering_at_once(listener), router).await });
        Ok(Self { address, work, server })
    }

    /// Where it listens, which is what `AWS_LAMBDA_RUNTIME_API` is set to.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has the process run one event. Waits for ever if the process dies over it.
    pub(super) async fn invoke(&self, event: Value, context: Context) -> Outcome {
        let (outcome, told) = oneshot::channel();
        let sent = self.work.send(Work { event, context, outcome }).await;
        match (sent, told.await) {
            (Ok(()), Ok(outcome)) => outcome,
            // The server is gone, or the process asked for the next event without answering this one.
            _ => Err(error("Runtime.ExitError", "the function let go of the invocation")),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Desk {
    async fn next_work(&self) -> Option<Work> {
        self.work.lock().await.recv().await
    }

    /// Tells the outcome of the invocation that the process has taken, if it is that one.
    fn tell(&self, request_id: &str, outcome: Outcome) -> Response {
        let taken = locked(&self.taken).take_if(|(id, _)| *id == *request_id);
        let Some((_, waiting)) = taken else {
            let answer = json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"});
            return (StatusCode::BAD_REQUEST, Json(answer)).into_response();
        };
        // Nobody waits any more for a function whose time was up.
        drop(waiting.send(outcome));
        accepted()
    }
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    let Some(Work { event, context, outcome }) = desk.next_work().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", context.request_id.clone()),
        ("lambda-runtime-deadline-ms", context.deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", context.invoked_function_arn),
        ("lambda-runtime-trace-id", trace_id(&context.request_id)),
    ];
    *locked(&desk.taken) = Some((context.request_id, outcome));
    (headers, Json(event)).into_response()
}

async fn answered(State(desk): State<Arc<Desk>>, Path(request_id): Path<String>, answer: Bytes) -> Response {
    let not_json = |cause| error("Runtime.MarshalError", format!("the answer is not JSON: {cause}"));
    desk.tell(&request_id, serde_json::from_slice(&answer).map_err(not_json))
}

async fn failed(State(desk): State<Arc<Desk>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    desk.tell(&request_id, Err(reported(&body)))
}

/// A process is started for an invocation, which then fails as the start did.
async fn not_started(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    if let Some(work) = desk.next_work().await {
        drop(work.outcome.send(Err(reported(&body))));
    }
    accepted()
}

fn accepted() -> Response {
    let body = json!({"status": "OK"}).to_string();
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn reported(body: &[u8]) -> FunctionError {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| error("Runtime.Unknown", "the function failed and did not say how"))
}

pub(super) fn error(error_type: &str, error_message: impl Into<String>) -> FunctionError {
    FunctionError { error_type: error_type.to_owned(), error_message: error_message.into() }
}

/// A trace of its own for every invocation, in the form of X-Ray, and not sampled.
fn trace_id(request_id: &str) -> String {
    let digits: String =
        request_id.chars().filter(char::is_ascii_hexdigit).chain("0".repeat(32).chars()).collect();
    format!("Root=1-{}-{};Parent={};Sampled=0", &digits[..8], &digits[8..32], &digits[..16])
}

#[cfg(test)]
mod tests;
