//! The Runtime API, asked as a function's binary asks.

use common::net::{self, Trust};
use reqwest::{Client, Response};
use serde_json::Value;

use super::*;

const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// The server and a client in place of a process.
struct Process {
    api: Arc<RuntimeApi>,
    http: Client,
}

impl Process {
    async fn start() -> Self {
        let http = net::builder(Trust::MozillaThenSystem).build().unwrap();
        Self { api: Arc::new(RuntimeApi::start().await.unwrap()), http }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/2018-06-01/runtime/{path}", self.api.address())
    }

    async fn next(&self) -> Response {
        self.http.get(self.url("invocation/next")).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &str) -> u16 {
        self.http.post(self.url(path)).body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    fn invoke(&self) -> JoinHandle<Outcome> {
        let api = Arc::clone(&self.api);
        let mut context = Context::default();
        context.request_id = ID.to_owned();
        context.deadline = 1_542_409_706_888;
        context.invoked_function_arn = "arn:f".to_owned();
        tokio::spawn(async move { api.invoke(r#"{"a":1}"#.into(), context).await })
    }
}

#[tokio::test]
async fn a_process_gets_the_event_with_its_headers_and_responds_once() {
    let process = Process::start().await;
    let invoked = process.invoke();
    let event = process.next().await;
    let header = |name: &str| event.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("lambda-runtime-aws-request-id"), ID);
    assert_eq!(header("lambda-runtime-deadline-ms"), "1542409706888");
    assert_eq!(header("lambda-runtime-invoked-function-arn"), "arn:f");
    let trace = "Root=1-8476a536-e9f411e897392dfe598c3fcd;Parent=8476a536e9f411e8;Sampled=0";
    assert_eq!(header("lambda-runtime-trace-id"), trace);
    assert_eq!(event.json::<Value>().await.unwrap(), json!({"a": 1}));

    assert_eq!(process.post("invocation/another/response", "{}").await, 400);
    let response = "x".repeat(3_000_000);
    assert_eq!(process.post(&format!("invocation/{ID}/response"), &response).await, 202);
    assert!(invoked.await.unwrap().unwrap().body == response);
    assert_eq!(process.post(&format!("invocation/{ID}/response"), "{}").await, 400);
}

#[tokio::test]
async fn a_process_is_ready_while_it_waits_for_an_event() {
    let process = Process::start().await;
    let is_ready =
        async || tokio::time::timeout(Duration::from_millis(20), process.api.ready()).await.is_ok();
    assert!(!is_ready().await, "before it asks");
    let before = Instant::now();
    let (since, ()) = tokio::join!(process.api.ready(), async {
        let waiting = tokio::spawn(process.http.get(process.url("invocation/next")).send());
        process.api.ready().await;
        let _invoked = process.invoke();
        waiting.await.unwrap().unwrap();
        assert!(!is_ready().await, "while it works");
    });
    assert!(since > before);
}

#[tokio::test]
async fn an_error_of_the_function_or_of_its_start_keeps_its_type_and_message() {
    let process = Process::start().await;
    let failed = format!("invocation/{ID}/error");
    let refused = r#"{"errorType":"Refused","errorMessage":"no"}"#;
    for (path, body, expected) in [
        (failed.as_str(), refused, error("Refused", "no")),
        (&failed, "gibberish", error("Runtime.Unknown", "the function failed with an unreadable error")),
        ("init/error", refused, error("Refused", "no")),
    ] {
        let invoked = process.invoke();
        if path == failed {
            process.next().await;
        }
        assert_eq!(process.post(path, body).await, 202);
        assert_eq!(invoked.await.unwrap().unwrap_err(), expected, "{path} {body}");
    }
}

#[tokio::test]
async fn asking_for_the_next_event_without_a_response_is_an_error() {
    let process = Process::start().await;
    let first = process.invoke();
    process.next().await;
    let _second = process.invoke();
    process.next().await;
    assert_eq!(first.await.unwrap().unwrap_err().error_type, "Runtime.ExitError");
}

#[tokio::test]
async fn a_web_page_gets_no_event() {
    let process = Process::start().await;
    for (name, value) in
        [("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "cross-site"), ("host", "evil.example")]
    {
        let asked = process.http.get(process.url("invocation/next")).header(name, value);
        assert_eq!(asked.send().await.unwrap().status(), 403, "{name}");
    }
}
