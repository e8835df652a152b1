//! A stack of the test's own, and users who speak to it as a front end would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Bytes;
use common::ledger::Ledger;
use common::tables::{GenerationsTable, LedgerTable, ProfilesTable, Tables};
use fal_double::{FalDouble, Fault, Injection};
use local_stack::binaries::{Binaries, RunFunctions};
use local_stack::stack::{Options, Stack};
use local_stack::users;
use operate::audit::{Report, audit};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::description;

/// The simplest request that can run.
pub fn a_prompt() -> Value {
    json!({"prompt": "A Woman model, for Fashion, photorealistic resolusi HD"})
}

/// Serves `router` on a port of its own until the test ends, and answers its address: a stand-in for a server.
pub async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// How a test's stack differs from the usual one.
#[derive(Default)]
pub struct Setup {
    environment: BTreeMap<String, String>,
    fal_latency: Duration,
    function_timeout: Option<Duration>,
    binaries: Option<PathBuf>,
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

    /// Runs the functions' binaries from that folder.
    pub fn binaries(mut self, folder: PathBuf) -> Self {
        self.binaries = Some(folder);
        self
    }

    pub async fn start(self) -> Potret {
        crate::secrets::capture_logs();
        let mut environment = self.environment;
        if let Some(endpoint) = other_dynamodb() {
            environment.entry("AWS_ENDPOINT_URL_DYNAMODB".to_owned()).or_insert(endpoint);
        }
        let name = format!("potret-{}", jiff::Timestamp::now().as_nanosecond());
        let stack = Stack::start(Options {
            name: name.clone(),
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
}

/// With `AWS_ENDPOINT_URL_DYNAMODB` set, the tests run on that server instead of the embedded one, each in
/// tables of its own.
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

/// A relative path begins where `cargo` was called: at the root of the repository.
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

    /// A user who signs in as `id`.
    pub fn user(&self, id: &str) -> User<'_> {
        let token = users::token(id).expect("a token");
        User { potret: self, token }
    }

    /// A user who has `coins`.
    pub async fn user_with(&self, id: &str, coins: u64) -> User<'_> {
        let credited =
            self.add_coins(&json!({"user_id": id, "coins": coins, "reference": format!("first-{id}")})).await;
        credited.expect("coins");
        self.user(id)
    }

    pub fn url(&self, path: &str) -> String {
        self.stack.url.join(path).expect("a URL").to_string()
    }

    /// Invokes add-coins; the error is the function's.
    pub async fn add_coins(&self, event: &Value) -> Result<Value, Value> {
        let invocation = self.stack.lambda.invoke("add-coins", Bytes::from(event.to_string())).await;
        match invocation.expect("add-coins is there").outcome {
            Ok(answer) => Ok(serde_json::from_slice(&answer).expect("JSON")),
            Err(error) => Err(serde_json::to_value(error).expect("JSON")),
        }
    }

    pub fn fal(&self) -> &FalDouble {
        self.stack.fal.as_ref().expect("the fal double")
    }

    /// Makes fal fail from now on.
    pub fn fal_fails(&self, fault: Fault) {
        self.fal().inject(Injection { fault, skip: 0, times: None });
    }

    /// Makes fal fail once, after `skip` good answers.
    pub fn fal_fails_once(&self, fault: Fault, skip: u32) {
        self.fal().inject(Injection { fault, skip, times: Some(1) });
    }

    /// The bodies that fal was asked with.
    pub fn asked_of_fal(&self) -> Vec<Value> {
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

    pub fn bucket(&self) -> &str {
        &self.stack.resources.buckets[0]
    }

    /// The ledger itself, for what no route can bring about.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.stack.dynamodb.dynamodb(), self.tables())
    }

    /// Checks every invariant of the coins. Nothing may be running.
    pub async fn audit(&self) {
        let Report { violations, .. } =
            audit(&self.stack.dynamodb.dynamodb(), &self.tables()).await.expect("readable tables");
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// A signed-in merchant.
pub struct User<'p> {
    pub potret: &'p Potret,
    pub token: String,
}

impl User<'_> {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.potret.http.request(method, self.potret.url(path)).bearer_auth(&self.token)
    }

    pub async fn generate(&self, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, "/api/generate-image").json(body)).await
    }

    pub async fn generate_with_key(&self, key: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, "/api/generate-image").header("idempotency-key", key);
        Answer::of(request.json(body)).await
    }

    pub async fn last_prompt(&self) -> Answer {
        Answer::of(self.request(Method::GET, "/api/debug/last-prompt")).await
    }

    /// Settled and available coins.
    pub async fn coins(&self) -> (u64, u64) {
        let answer = Answer::of(self.request(Method::GET, "/api/coin-balance")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let coins = |field: &str| answer.body[field].as_u64().expect("a number of coins");
        (coins("coins_balance"), coins("coins_available"))
    }
}

/// What a client sees of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    /// Sends the request, and holds it and the answer against the API's description.
    pub async fn of(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let asked = request.try_clone().expect("a body in memory");
        let response = client.execute(request).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a text");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
        let answer = Self { status, headers, text, body };
        description::check(&asked, &answer);
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header"))
    }

    /// Status and code of a problem; panics if the answer is not one.
    pub fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        assert_eq!(self.body["status"], self.status);
        for member in ["type", "title", "detail"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "{}", self.body);
        }
        (self.status, self.body["code"].as_str().expect("a code"))
    }

    /// The faults of an invalid request, a line each.
    pub fn faults(&self) -> String {
        let faults = self.body["errors"].as_array().expect("errors").iter();
        let line = |fault: &Value| {
            let text = |member: &str| fault[member].as_str().expect("a text").to_owned();
            format!("{} {}", text("pointer"), text("message"))
        };
        faults.map(line).collect::<Vec<_>>().join("\n")
    }
}
