//! A stack of the test's own, and users who call it as a front end would.

pub mod logs;
mod states;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Bytes;
use common::tables::{GenerationsTable, LedgerTable, ProfilesTable, Tables};
use fal_double::{FalDouble, Fault, Injection};
use jiff::Timestamp;
use kit::auditor::Snapshot;
use local_stack::binaries::{Binaries, RunFunctions};
use local_stack::stack::{Options, Stack};
use operate::audit::{Report, audit};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::description;

/// The simplest request that makes a batch.
pub static A_PROMPT: LazyLock<Value> =
    LazyLock::new(|| json!({"prompt": "A Woman model, for Fashion, photorealistic resolusi HD"}));

/// Serves `router` on a free port until the test ends, and returns its URL. It stands in for a real server.
pub async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Sends a request on to `url`, as a proxy does. The Host header stays, because it may be signed.
pub async fn forward(
    http: &reqwest::Client,
    (method, url): (Method, Url),
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let response = http.request(method, url).headers(headers).body(body).send().await.expect("a response");
    let (status, mut headers) = (response.status(), response.headers().clone());
    headers.remove("transfer-encoding");
    (status, headers, response.bytes().await.expect("a body"))
}

/// How a test's stack differs from the default one.
#[derive(Default)]
pub struct Setup {
    environment: BTreeMap<String, String>,
    fal_latency: Duration,
    function_timeout: Option<Duration>,
    binaries: Option<PathBuf>,
    kept: Option<(String, PathBuf, SocketAddr)>,
}

impl Setup {
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    pub fn fal_takes(mut self, latency: Duration) -> Self {
        self.fal_latency = latency;
        self
    }

    pub fn function_timeout(mut self, timeout: Duration) -> Self {
        self.function_timeout = Some(timeout);
        self
    }

    /// Runs the functions' binaries from `folder`.
    pub fn binaries(mut self, folder: PathBuf) -> Self {
        self.binaries = Some(folder);
        self
    }

    /// Keeps everything in `folder` under `name` and listens at `address`, as a stack may have done before.
    pub fn kept(mut self, name: &str, folder: &Path, address: SocketAddr) -> Self {
        self.kept = Some((name.to_owned(), folder.to_owned(), address));
        self
    }

    pub async fn start(self) -> Potret {
        logs::capture();
        let mut environment = self.environment;
        if let Some(endpoint) = other_dynamodb() {
            environment.entry("AWS_ENDPOINT_URL_DYNAMODB".to_owned()).or_insert(endpoint);
        }
        let usual =
            || (format!("potret-{}", Timestamp::now().as_nanosecond()), None, Options::default().listen);
        let kept = self.kept.map(|(name, folder, address)| (name, Some(folder), address));
        let (name, data_dir, listen) = kept.unwrap_or_else(usual);
        let stack = Stack::start(Options {
            name: name.clone(),
            data_dir,
            listen,
            environment: Box::new(move |name| environment.get(name).cloned()),
            fal_latency: Some(self.fal_latency),
            function_timeout: self.function_timeout,
            functions: match self.binaries.or_else(binaries_of_the_environment) {
                None => RunFunctions::InProcess,
                Some(folder) => RunFunctions::Binaries(Binaries { folder, emulator: emulator() }),
            },
            ..Options::default()
        });
        Potret { stack: stack.await.expect("a stack"), name, http: aws_double::http_client() }
    }

    /// Starts the stack for one merchant who has `coins`.
    pub async fn with_merchant(self, coins: u64) -> (Potret, User) {
        let potret = self.start().await;
        let merchant = potret.user_with("merchant", coins).await;
        (potret, merchant)
    }
}

/// With `AWS_ENDPOINT_URL_DYNAMODB` set, the tests use that server instead of the embedded one. Each test has
/// tables of its own there.
fn other_dynamodb() -> Option<String> {
    common::settings::environment("AWS_ENDPOINT_URL_DYNAMODB")
}

/// With `POTRET_BINARIES` set to a folder, the tests run the functions' binaries from there as processes.
pub fn binaries_of_the_environment() -> Option<PathBuf> {
    path_of_the_environment("POTRET_BINARIES")
}

/// With `POTRET_EMULATOR` set to AWS's Runtime Interface Emulator, those binaries run under it.
pub fn emulator() -> Option<PathBuf> {
    path_of_the_environment("POTRET_EMULATOR")
}

/// A path in the environment variable `name`. A relative one begins at the root of the repository, where
/// `cargo` was called.
pub fn path_of_the_environment(name: &str) -> Option<PathBuf> {
    let path = common::settings::environment(name)?;
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join(path))
}

/// A running stack.
pub struct Potret {
    pub stack: Stack,
    name: String,
    pub http: reqwest::Client,
}

impl Potret {
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    pub async fn with_merchant(coins: u64) -> (Self, User) {
        Setup::default().with_merchant(coins).await
    }

    /// A user who signs in as `id`.
    pub fn user(&self, id: &str) -> User {
        let token = self.stack.token(id).expect("a token");
        User { http: self.http.clone(), url: self.stack.url.clone(), token }
    }

    /// A user who has `coins`.
    pub async fn user_with(&self, id: &str, coins: u64) -> User {
        let payment = json!({"user_id": id, "coins": coins, "reference": format!("first-{id}")});
        self.add_coins(&payment).await.expect("coins");
        self.user(id)
    }

    pub fn url(&self, path: &str) -> String {
        self.stack.url.join(path).expect("a URL").to_string()
    }

    /// Gets `path` without a token.
    pub async fn get(&self, path: &str) -> Response {
        Response::to(self.http.get(self.url(path))).await
    }

    /// Invokes a function. The error is the function's.
    pub async fn call(&self, function: &str, event: &Value) -> Result<Value, Value> {
        let invocation = self.stack.lambda.invoke(function, Bytes::from(event.to_string())).await;
        match invocation.expect("the function exists").outcome {
            Ok(output) => Ok(serde_json::from_slice(&output).expect("JSON")),
            Err(error) => Err(serde_json::to_value(error).expect("JSON")),
        }
    }

    pub async fn add_coins(&self, event: &Value) -> Result<Value, Value> {
        self.call("add-coins", event).await
    }

    pub fn fal(&self) -> &FalDouble {
        self.stack.fal.as_ref().expect("the fal double")
    }

    /// Makes fal fail with `fault`, and no other one, from now on.
    pub fn fal_fails(&self, fault: Fault) {
        self.fal().clear_faults();
        self.fal().inject(Injection { fault, skip: 0, times: None });
    }

    /// Makes fal fail once, after `skip` requests that succeed.
    pub fn fal_fails_once(&self, fault: Fault, skip: u32) {
        self.fal().clear_faults();
        self.fal().inject(Injection { fault, skip, times: Some(1) });
    }

    /// The bodies of the requests that fal received.
    pub fn sent_to_fal(&self) -> Vec<Value> {
        self.fal().requests().into_iter().map(|request| request.body).collect()
    }

    pub fn tables(&self) -> Tables {
        let table = |noun: &str| format!("{}-{noun}", self.name);
        Tables {
            profiles: ProfilesTable::new(table("profiles")),
            generations: GenerationsTable::new(table("generations")),
            ledger: LedgerTable::new(table("ledger")),
        }
    }

    /// All items of all tables, for tests that look behind the API.
    pub async fn snapshot(&self) -> Snapshot {
        let tables = self.tables();
        Snapshot {
            profiles: self.rows(tables.profiles.name()).await,
            generations: self.rows(tables.generations.name()).await,
            ledger: self.rows(tables.ledger.name()).await,
        }
    }

    async fn rows(&self, table: &str) -> Vec<Value> {
        let scan = self.dynamodb().scan().table_name(table).consistent_read(true);
        let items: Vec<_> = scan.into_paginator().items().send().try_collect().await.expect("items");
        serde_dynamo::from_items(items).expect("JSON")
    }

    /// Writes an item behind the functions' back.
    pub async fn put(&self, table: &str, item: Value) {
        let item = serde_dynamo::to_item(item).expect("an item");
        self.dynamodb().put_item().table_name(table).set_item(Some(item)).send().await.expect("written");
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.stack.dynamodb.dynamodb()
    }

    /// Waits until fal has received `requests` requests.
    pub async fn fal_receives(&self, requests: usize) {
        while self.fal().requests().len() < requests {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn bucket(&self) -> &str {
        &self.stack.resources.buckets[0]
    }

    /// Checks every invariant of the coins. No request may be running.
    pub async fn audit(&self) {
        let report = audit(&self.dynamodb(), &self.tables()).await;
        let Report { violations, .. } = report.expect("readable tables");
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// Checks every invariant of the coins, and that `user` has so many settled and available coins.
    pub async fn audit_with(&self, user: &User, coins: (u64, u64)) {
        assert_eq!(user.coins().await, coins);
        self.audit().await;
    }
}

/// A signed-in merchant.
pub struct User {
    http: reqwest::Client,
    url: Url,
    pub token: String,
}

impl User {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url.join(path).expect("a URL")).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        Response::to(self.request(Method::POST, path).json(body)).await
    }

    pub async fn generate(&self, body: &Value) -> Response {
        self.post("/api/generate-image", body).await
    }

    pub async fn generate_with_key(&self, key: &str, body: &Value) -> Response {
        let request = self.request(Method::POST, "/api/generate-image").header("idempotency-key", key);
        Response::to(request.json(body)).await
    }

    pub async fn last_prompt(&self) -> Response {
        self.get("/api/debug/last-prompt").await
    }

    /// Asks for a URL to put a file of this type and length.
    pub async fn create_upload(&self, content_type: &str, bytes: usize) -> Response {
        let body = json!({"content_type": content_type, "content_length": bytes});
        self.post("/api/uploads", &body).await
    }

    /// Uploads a file as a page does, and returns the value with which an image field refers to it.
    pub async fn upload(&self, content_type: &str, file: Vec<u8>) -> String {
        let created = self.create_upload(content_type, file.len()).await.body;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let method = text(&created["method"]).parse().expect("a method");
        let mut request = self.http.request(method, text(&created["url"]));
        for (name, value) in created["headers"].as_object().expect("headers") {
            request = request.header(name, text(value));
        }
        assert!(request.body(file).send().await.expect("a response").status().is_success());
        format!("upload:{}", text(&created["upload_id"]))
    }

    /// Settled and available coins.
    pub async fn coins(&self) -> (u64, u64) {
        let response = self.get("/api/coin-balance").await;
        assert_eq!(response.status, 200, "{}", response.body);
        let coins = |field: &str| response.body[field].as_u64().expect("a number of coins");
        (coins("coins_balance"), coins("coins_available"))
    }
}

/// An HTTP response as a client sees it.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Response {
    /// Sends the request, and checks it and its response against the API's description.
    pub async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let sent = request.try_clone().expect("a body in memory");
        let response = client.execute(request).await.expect("a response");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a text");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
        let response = Self { status, headers, text, body };
        description::check(&sent, &response);
        response
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header"))
    }

    /// Status and code of a problem. Panics if the response is not one.
    pub fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        assert_eq!(self.body["status"], self.status);
        (self.status, self.body["code"].as_str().expect("a code"))
    }

    /// The faults of an invalid request, one a line.
    pub fn faults(&self) -> String {
        let faults = self.body["errors"].as_array().expect("errors").iter();
        let line = |fault: &Value| {
            let text = |member: &str| fault[member].as_str().expect("a text").to_owned();
            format!("{} {}", text("pointer"), text("message"))
        };
        faults.map(line).collect::<Vec<_>>().join("\n")
    }
}
