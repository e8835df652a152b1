//! A proxy in front of DynamoDB that makes trouble, as networks and the service do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use kit::trouble::{Failure, Plan, Trouble, Troubles, deliver, without_request_token};
use serde_json::Value;
use url::Url;

use crate::harness::{self, Potret, Setup, serve};

/// A stack whose functions reach DynamoDB through the proxy.
pub struct Flaky {
    pub potret: Potret,
    pub dynamodb: Arc<FlakyDynamoDb>,
    /// Has the tables.
    pub behind: Potret,
}

impl Flaky {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let behind = Potret::start().await;
        let dynamodb = Arc::new(FlakyDynamoDb {
            upstream: behind.stack.dynamodb.endpoint().clone(),
            http: aws_double::http_client(),
            troubles: Mutex::default(),
            items_read: AtomicU64::default(),
            forgets_tokens: AtomicBool::default(),
        });
        let endpoint = serve(Router::new().fallback(forward).with_state(Arc::clone(&dynamodb))).await;
        let setup = setup.setting("AWS_ENDPOINT_URL_DYNAMODB", endpoint);
        Self { potret: setup.start().await, dynamodb, behind }
    }

    /// Plans trouble for so many calls of `operation`, after `skip` calls without.
    pub fn plan(&self, operation: &'static str, skip: u32, times: u32, trouble: Trouble) {
        self.dynamodb.troubles().plan(Plan { operation, trouble, skip, times });
    }
}

/// The proxy.
pub struct FlakyDynamoDb {
    upstream: Url,
    http: reqwest::Client,
    troubles: Mutex<Troubles>,
    items_read: AtomicU64,
    forgets_tokens: AtomicBool,
}

impl FlakyDynamoDb {
    pub fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().expect("no panic")
    }

    /// From now on DynamoDB gets no request token, as if it had been restarted.
    pub fn forget_tokens(&self) {
        self.forgets_tokens.store(true, Ordering::Relaxed);
    }

    /// How many items DynamoDB has read since the last time this was asked, whether or not it returned them.
    pub fn take_items_read(&self) -> u64 {
        self.items_read.swap(0, Ordering::Relaxed)
    }
}

async fn forward(State(proxy): State<Arc<FlakyDynamoDb>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let trouble = proxy.troubles.lock().expect("no panic").next(operation);
    match deliver(trouble, upstream(proxy, headers, body)).await {
        Ok(response) => response,
        Err(Failure::NotSent | Failure::ReplyLost) => cut(),
        Err(Failure::Refused(refusal)) => refusal.of_dynamodb().map(Into::<Body>::into),
    }
}

async fn upstream(proxy: Arc<FlakyDynamoDb>, mut headers: HeaderMap, mut body: Bytes) -> Response {
    if proxy.forgets_tokens.load(Ordering::Relaxed) {
        body = without_request_token(&body);
        headers.remove("content-length");
    }
    let to = (Method::POST, proxy.upstream.clone());
    let (status, headers, body) = harness::forward(&proxy.http, to, headers, body).await;
    proxy.items_read.fetch_add(items_read(&body), Ordering::Relaxed);
    (status, headers, body).into_response()
}

fn items_read(response: &[u8]) -> u64 {
    let response: Value = serde_json::from_slice(response).unwrap_or_default();
    response["ScannedCount"].as_u64().unwrap_or(response["Item"].is_object().into())
}

/// A response whose connection breaks before its first byte.
fn cut() -> Response {
    Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) }))
        .into_response()
}
