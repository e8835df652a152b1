//! Facts about the Runtime API, asked as a function's binary asks.

use reqwest::{Client, Response};

use super::*;

/// A server, and what a process would know of it.
struct Asked {
    api: Arc<RuntimeApi>,
    http: Client,
}

impl Asked {
    async fn start() -> Self {
        let http = crate::http_client();
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

    /// Begins an invocation.
    fn invoke(&self) -> JoinHandle<Outcome> {
        let api = Arc::clone(&self.api);
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        context.deadline = 1_542_409_706_888;
        context.invoked_function_arn = "arn:f".to_owned();
        tokio::spawn(async move { api.invoke(json!({"a": 1}), context).await })
    }
}

const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

#[tokio::test]
async fn a_process_gets_the_event_with_its_headers_and_answers_once() {
    let asked = Asked::start().await;
    let invoked = asked.invoke();
    let event = asked.next().await;
    let header = |name: &str| event.headers()[name].to_str().unwrap();
    assert_eq!(header("lambda-runtime-aws-request-id"), ID);
    assert_eq!(header("lambda-runtime-deadline-ms"), "1542409706888");
    assert_eq!(header("lambda-runtime-invoked-function-arn"), "arn:f");
    assert_eq!(
        header("lambda-runtime-trace-id"),
        "Root=1-8476a536-e9f411e897392dfe598c3fcd;Parent=8476a536e9f411e8;Sampled=0"
    );
    assert_eq!(event.json::<Value>().await.unwrap(), json!({"a": 1}));

    assert_eq!(asked.post("invocation/another/response", "{}").await, 400);
    let answer = format!("\"{}\"", "x".repeat(3_000_000));
    assert_eq!(asked.post(&format!("invocation/{ID}/response"), &answer).await, 202);
    assert_eq!(invoked.await.unwrap().unwrap().as_str().map(str::len), Some(3_000_000));
    assert_eq!(asked.post(&format!("invocation/{ID}/response"), "{}").await, 400);
}

#[tokio::test]
async fn an_error_of_the_function_keeps_its_type_and_message() {
    let asked = Asked::start().await;
    for (body, error_type, error_message) in [
        (r#"{"errorType":"Refused","errorMessage":"no"}"#, "Refused", "no"),
        ("gibberish", "Runtime.Unknown", "the function failed and did not say how"),
    ] {
        let invoked = asked.invoke();
        asked.next().await;
        assert_eq!(asked.post(&format!("invocation/{ID}/error"), body).await, 202);
        assert_eq!(invoked.await.unwrap(), Err(error(error_type, error_message)));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_an_error() {
    let asked = Asked::start().await;
    let invoked = asked.invoke();
    asked.next().await;
    assert_eq!(asked.post(&format!("invocation/{ID}/response"), "<html>").await, 202);
    assert_eq!(invoked.await.unwrap().unwrap_err().error_type, "Runtime.MarshalError");
}

#[tokio::test]
async fn a_start_that_failed_fails_the_invocation_that_it_was_for() {
    let asked = Asked::start().await;
    let invoked = asked.invoke();
    let body = r#"{"errorType":"Runtime.InitError","errorMessage":"no table"}"#;
    assert_eq!(asked.post("init/error", body).await, 202);
    assert_eq!(invoked.await.unwrap(), Err(error("Runtime.InitError", "no table")));
}

#[tokio::test]
async fn an_event_that_is_passed_over_is_not_waited_for() {
    let asked = Asked::start().await;
    let first = asked.invoke();
    asked.next().await;
    let _second = asked.invoke();
    asked.next().await;
    assert_eq!(first.await.unwrap().unwrap_err().error_type, "Runtime.ExitError");
}
