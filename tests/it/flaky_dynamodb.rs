//! A proxy in front of DynamoDB that fails on request, the way networks and the service do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fastrand::Rng;
use serde_json::{Value, json};
use url::Url;

use crate::harness::serve;

/// Beyond a single try's time limit, so that it is repeated while the first is still under way.
const LONGEST_DELAY_MS: u64 = 2_500;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is applied, and its reply never arrives.
    LoseReply,
    /// It never arrives.
    LoseRequest,
    /// Another transaction is at the same items.
    Conflict,
    /// Too many calls.
    Throttle,
    /// The service fails, and nothing is applied.
    InternalError,
    /// It arrives, and nothing happens for longer than anybody waits.
    Hang,
    /// It arrives late, perhaps when nobody waits any more.
    Delay(Duration),
}

/// The calls of `operation` in trouble: `times` of them, after `skip` good ones.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub operation: &'static str,
    pub trouble: Trouble,
    pub skip: u32,
    pub times: u32,
}

/// Trouble drawn at random.
struct Chance {
    rng: Rng,
    one_call_in: u32,
}

/// The proxy.
#[derive(Clone)]
pub struct FlakyDynamoDb {
    pub endpoint: Url,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Url,
    http: reqwest::Client,
    plans: Mutex<Vec<Plan>>,
    chance: Mutex<Option<Chance>>,
    calls: Mutex<Vec<String>>,
    troubles: Mutex<BTreeMap<String, u32>>,
    items_read: AtomicU64,
    forgets_tokens: AtomicBool,
}

impl FlakyDynamoDb {
    /// Stands in front of `upstream`.
    pub async fn before(upstream: &Url) -> Self {
        let shared = Arc::new(Shared {
            upstream: upstream.clone(),
            http: aws_double::http_client(),
            plans: Mutex::default(),
            chance: Mutex::default(),
            troubles: Mutex::default(),
            calls: Mutex::default(),
            items_read: AtomicU64::default(),
            forgets_tokens: AtomicBool::default(),
        });
        let endpoint = serve(Router::new().fallback(forward).with_state(Arc::clone(&shared))).await;
        Self { endpoint: endpoint.parse().expect("a URL"), shared }
    }

    pub fn plan(&self, plan: Plan) {
        self.shared.plans.lock().expect("no panic").push(plan);
    }

    /// From now on one call in so many is in trouble, of a kind that `seed` draws.
    pub fn fail_at_random(&self, seed: u64, one_call_in: u32) {
        let chance = Chance { rng: Rng::with_seed(seed), one_call_in };
        *self.shared.chance.lock().expect("no panic") = Some(chance);
    }

    /// No more trouble at random.
    pub fn recover(&self) {
        *self.shared.chance.lock().expect("no panic") = None;
    }

    /// How many calls were in trouble, by kind.
    pub fn troubles(&self) -> BTreeMap<String, u32> {
        self.shared.troubles.lock().expect("no panic").clone()
    }

    /// From now on no request token arrives, as with an engine that knows none or has been restarted.
    pub fn forget_tokens(&self) {
        self.shared.forgets_tokens.store(true, Ordering::Relaxed);
    }

    /// The operations called so far, and forgets them.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.calls.lock().expect("no panic"))
    }

    /// How many items were read so far, also such as no answer shows, and forgets them.
    pub fn take_items_read(&self) -> u64 {
        self.shared.items_read.swap(0, Ordering::Relaxed)
    }
}

impl Shared {
    fn trouble(&self, operation: &str) -> Option<Trouble> {
        self.calls.lock().expect("no panic").push(operation.to_owned());
        let trouble = self
            .planned(operation)
            .or_else(|| self.chance.lock().expect("no panic").as_mut()?.draw(operation))?;
        let kind = format!("{trouble:?}");
        let kind = format!("{operation}: {}", kind.split('(').next().unwrap_or_default());
        *self.troubles.lock().expect("no panic").entry(kind).or_default() += 1;
        Some(trouble)
    }

    fn planned(&self, operation: &str) -> Option<Trouble> {
        let mut plans = self.plans.lock().expect("no panic");
        let plan = plans.iter_mut().find(|plan| plan.operation == operation && plan.times > 0)?;
        if plan.skip > 0 {
            plan.skip -= 1;
            return None;
        }
        plan.times -= 1;
        Some(plan.trouble)
    }
}

impl Chance {
    fn draw(&mut self, operation: &str) -> Option<Trouble> {
        if self.rng.u32(..self.one_call_in) > 0 {
            return None;
        }
        Some(match self.rng.u8(..10) {
            0..4 => Trouble::LoseReply,
            4 => Trouble::LoseRequest,
            5 => Trouble::InternalError,
            6 => Trouble::Throttle,
            7 => Trouble::Delay(Duration::from_millis(self.rng.u64(..LONGEST_DELAY_MS))),
            _ if operation == "TransactWriteItems" => Trouble::Conflict,
            _ => Trouble::Throttle,
        })
    }
}

async fn forward(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let trouble = shared.trouble(target.rsplit('.').next().unwrap_or_default());
    match trouble {
        None => upstream(shared, headers, body).await,
        Some(Trouble::LoseRequest) => cut(),
        Some(Trouble::Hang) => std::future::pending().await,
        Some(Trouble::LoseReply) => {
            upstream(shared, headers, body).await;
            cut()
        }
        Some(Trouble::Delay(time)) => {
            // Whether or not the caller waits for it.
            let late = tokio::spawn(async move {
                tokio::time::sleep(time).await;
                upstream(shared, headers, body).await
            });
            late.await.expect("no panic")
        }
        Some(Trouble::Throttle) => error(400, "com.amazonaws.dynamodb.v20120810#ThrottlingException"),
        Some(Trouble::InternalError) => error(500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        Some(Trouble::Conflict) => {
            let reasons = json!([{"Code": "None"}, {"Code": "TransactionConflict", "Message": "ongoing"}]);
            let body = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "Transaction cancelled", "CancellationReasons": reasons,
            });
            (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string())
                .into_response()
        }
    }
}

async fn upstream(shared: Arc<Shared>, mut headers: HeaderMap, mut body: Bytes) -> Response {
    headers.remove("host");
    if shared.forgets_tokens.load(Ordering::Relaxed) {
        let mut request: Value = serde_json::from_slice(&body).expect("JSON");
        request.as_object_mut().expect("an object").remove("ClientRequestToken");
        body = Bytes::from(request.to_string());
        headers.remove("content-length");
    }
    let answer = shared.http.post(shared.upstream.clone()).headers(headers).body(body).send().await;
    let answer = answer.expect("an answer from DynamoDB");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a body");
    shared.items_read.fetch_add(items_read(&body), Ordering::Relaxed);
    let mut response = (status, body).into_response();
    for name in ["content-type", "x-amzn-requestid", "x-amz-crc32"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn items_read(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    answer["ScannedCount"].as_u64().unwrap_or(answer["Item"].is_object().into())
}

/// An answer whose connection breaks before its first byte.
fn cut() -> Response {
    Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) }))
        .into_response()
}

fn error(status: u16, code: &str) -> Response {
    let body = json!({"__type": code, "message": "as planned"}).to_string();
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}
