//! A double of Lambda's Runtime API for one process of a function. The process asks here for events and posts
//! its responses here. The local stack runs binaries with it; the bench also reads the times.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use lambda_runtime::{Context, Diagnostic};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// The variables that Lambda itself sets, without the region, the credentials and the address of the Runtime
/// API.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
#[must_use]
pub fn environment(function: &str, memory_mb: u32) -> [(&'static str, String); 10] {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

/// The response of a function to one event.
#[derive(Debug)]
pub struct FunctionResponse {
    pub body: Bytes,
    /// From handing out the event to having read the whole response.
    pub took: Duration,
}

type Outcome = Result<FunctionResponse, Diagnostic>;

/// The server of one process. Dropping it stops it.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    invocations: mpsc::Sender<Invocation>,
    waiting_since: watch::Receiver<Option<Instant>>,
    server: JoinHandle<std::io::Result<()>>,
}

/// An event on its way to the process.
struct Invocation {
    event: Bytes,
    context: Context,
    outcome: oneshot::Sender<Outcome>,
}

/// The event that the process works on.
struct Running {
    request_id: String,
    handed_out: Instant,
    outcome: oneshot::Sender<Outcome>,
}

/// What the routes share.
struct Shared {
    /// Locked while the process waits for an event. A process waits once at a time.
    invocations: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    running: Mutex<Option<Running>>,
    /// Since when the process waits for an event; `None` before and while it works on one.
    waiting_since: watch::Sender<Option<Instant>>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        // Without TCP_NODELAY a response may wait 40 ms for an acknowledgement. A connection that refuses the
        // option is only slower.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let (invocations, receiver) = mpsc::channel(1);
        let (sender, waiting_since) = watch::channel(None);
        let shared =
            Shared { invocations: receiver.into(), running: Mutex::default(), waiting_since: sender };
        let router = router(Arc::new(shared)).layer(from_fn_with_state(address, admit));
        let server = tokio::spawn(async { axum::serve(listener, router).await });
        Ok(Self { address, invocations, waiting_since, server })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the process waits for an event, and says since when it does. Never returns if the process
    /// ends first.
    pub async fn ready(&self) -> Instant {
        let mut waiting_since = self.waiting_since.clone();
        let since = waiting_since.wait_for(Option::is_some).await.ok().and_then(|since| *since);
        match since {
            Some(since) => since,
            None => std::future::pending().await,
        }
    }

    /// Gives the process one event and waits for the response. Never returns if the process ends first.
    pub async fn invoke(&self, event: Bytes, context: Context) -> Outcome {
        let (outcome, received) = oneshot::channel();
        let sent = self.invocations.send(Invocation { event, context, outcome }).await;
        match (sent, received.await) {
            (Ok(()), Ok(outcome)) => outcome,
            // The server has stopped, or the process asked for the next event without responding to this one.
            _ => Err(error("Runtime.ExitError", "the function dropped the event without a response")),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    async fn next_invocation(&self) -> Option<Invocation> {
        self.invocations.lock().await.recv().await
    }

    /// Ends the running invocation, if it has this id.
    fn finish(&self, request_id: &str, result: Result<Bytes, Diagnostic>) -> Response {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.take_if(|running| running.request_id == request_id) else {
            let body = json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        };
        let took = running.handed_out.elapsed();
        // The receiver is gone if the function's time was up.
        drop(running.outcome.send(result.map(|body| FunctionResponse { body, took })));
        accepted()
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(responded))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(failed))
        .route("/2018-06-01/runtime/init/error", post(not_started))
        // The caller knows the limit of a response.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

/// Admits the process, and no web page: a browser names the page, and a page whose name leads here names itself.
async fn admit(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_from_a_page = headers.contains_key("origin") || headers.contains_key("sec-fetch-site");
    if is_from_a_page || headers.get("host").is_none_or(|host| *host != *address.to_string()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.waiting_since.send_replace(Some(Instant::now()));
    let Some(Invocation { event, context, outcome }) = shared.next_invocation().await else {
        return StatusCode::GONE.into_response();
    };
    shared.waiting_since.send_replace(None);
    let request_id = context.request_id;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", request_id.clone()),
        ("lambda-runtime-deadline-ms", context.deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", context.invoked_function_arn),
        ("lambda-runtime-trace-id", trace_id(&request_id)),
    ];
    let running = Running { request_id, handed_out: Instant::now(), outcome };
    *shared.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    (headers, event).into_response()
}

async fn responded(
    State(shared): State<Arc<Shared>>,
    Path(request_id): Path<String>,
    body: Bytes,
) -> Response {
    shared.finish(&request_id, Ok(body))
}

async fn failed(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    shared.finish(&request_id, Err(reported(&body)))
}

/// A process is started for an invocation, which fails with the error of the start.
async fn not_started(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    if let Some(invocation) = shared.next_invocation().await {
        drop(invocation.outcome.send(Err(reported(&body))));
    }
    accepted()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn reported(body: &[u8]) -> Diagnostic {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| error("Runtime.Unknown", "the function failed with an unreadable error"))
}

/// The report of a failed function.
pub fn error(error_type: &str, error_message: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: error_type.to_owned(), error_message: error_message.into() }
}

/// A trace id in the form of X-Ray, made of the request id and not sampled.
fn trace_id(request_id: &str) -> String {
    let digits = request_id.chars().filter(char::is_ascii_hexdigit).chain(std::iter::repeat_n('0', 32));
    let digits: String = digits.collect();
    format!("Root=1-{}-{};Parent={};Sampled=0", &digits[..8], &digits[8..32], &digits[..16])
}
