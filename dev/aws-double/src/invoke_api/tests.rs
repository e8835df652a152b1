//! The Invoke API, called by a client over HTTP.

use std::time::Duration;

use lambda_runtime::LambdaEvent;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::lambda::{Function, FunctionError, event_handler};

struct Api {
    url: String,
    lambda: LocalLambda,
    client: reqwest::Client,
}

impl Api {
    /// One function `add-coins`, which fails on request and else returns its event.
    async fn start() -> Self {
        let handler = event_handler(|event: LambdaEvent<Value>| async move {
            if event.payload["fail"] == true {
                return Err(FunctionError { error_type: "Refused".into(), error_message: "as asked".into() });
            }
            tokio::time::sleep(Duration::from_millis(event.payload["sleep_ms"].as_u64().unwrap_or(0))).await;
            Ok(event.payload)
        });
        let lambda = LocalLambda::new([Function {
            name: "add-coins".into(),
            timeout: Duration::from_secs(5),
            handler,
        }]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/2015-03-31/functions", listener.local_addr().unwrap());
        let service = router(lambda.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url, lambda, client: crate::http_client() }
    }

    fn invoke(&self, name: &str) -> RequestBuilder {
        self.client.post(format!("{}/{name}/invocations", self.url))
    }
}

#[tokio::test]
async fn the_response_is_the_functions_own_json() {
    let api = Api::start().await;
    let at_the_limit = format!("\"{}\"", "x".repeat(PAYLOAD_LIMIT_BYTES - 2));
    for (payload, output) in
        [(r#"{"coins":1}"#, r#"{"coins":1}"#), ("", "{}"), (&at_the_limit, &at_the_limit)]
    {
        let response = api.invoke("add-coins").body(payload.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["x-amz-executed-version"], "$LATEST");
        assert_eq!(headers["x-amzn-requestid"].len(), 36);
        assert!(!headers.contains_key("x-amz-function-error"));
        assert!(response.text().await.unwrap() == output);
    }
}

#[tokio::test]
async fn a_function_error_is_a_200_with_a_header() {
    let api = Api::start().await;
    let response = api.invoke("add-coins").body(r#"{"fail":true}"#).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-amz-function-error"], "Unhandled");
    let error = json!({"errorType": "Refused", "errorMessage": "as asked"});
    assert_eq!(response.json::<Value>().await.unwrap(), error);
}

#[tokio::test]
async fn every_spelling_of_the_name_is_understood() {
    let api = Api::start().await;
    for name in [
        "add-coins",
        "add-coins:live",
        "add-coins:$LATEST",
        "function:add-coins",
        "000000000000:function:add-coins",
        "000000000000:function:add-coins:live",
        "arn:aws:lambda:us-east-1:000000000000:function:add-coins",
        "arn:aws:lambda:us-east-1:000000000000:function:add-coins:live",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aadd-coins",
        "add-coins%3A%24LATEST",
    ] {
        assert_eq!(api.invoke(name).send().await.unwrap().status(), 200, "{name}");
    }
}

#[tokio::test]
async fn a_refusal_has_the_status_the_type_and_the_message_of_the_service() {
    let api = Api::start().await;
    let too_large = " ".repeat(PAYLOAD_LIMIT_BYTES + 1);
    let mut refusals = Vec::new();
    for (name, kind, payload) in [
        ("nope", "RequestResponse", ""),
        ("nope", "Event", ""),
        ("add-coins", "RequestResponse", "{coins"),
        ("add-coins", "RequestResponse", &too_large),
        ("add-coins", "DryRun", ""),
    ] {
        let request = api.invoke(name).header("x-amz-invocation-type", kind).body(payload.to_owned());
        let response = request.send().await.unwrap();
        assert!(response.headers().contains_key("x-amzn-requestid"));
        let (status, error_type) =
            (response.status().as_u16(), response.headers()["x-amzn-errortype"].clone());
        let body = response.text().await.unwrap();
        refusals.push(format!("{status} {} {body}", error_type.to_str().unwrap()));
    }
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    404 ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope"}
    404 ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope"}
    400 InvalidRequestContentException {"Type":"User","message":"Could not parse request body into json: key must be a string at line 1 column 2"}
    413 RequestTooLargeException {"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}
    400 InvalidParameterValueException {"Type":"User","message":"The invocation type must be RequestResponse or Event."}
    "#);
}

#[tokio::test]
async fn an_event_invocation_is_accepted_and_keeps_running() {
    let api = Api::start().await;
    let request = api.invoke("add-coins").header("x-amz-invocation-type", "Event");
    let response = request.body(r#"{"sleep_ms":1000}"#).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert!(response.headers().contains_key("x-amzn-requestid"));
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(api.lambda.in_flight(), 1);
    api.lambda.drain(Duration::from_secs(5)).await;
    assert_eq!(api.lambda.in_flight(), 0);
}
