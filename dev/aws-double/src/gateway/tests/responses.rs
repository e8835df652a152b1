//! What a client gets to see of a function's answer.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::*;

async fn answer(answer: Value) -> Response {
    Api::start(answering(answer)).await.call().send().await.unwrap()
}

#[tokio::test]
async fn answer_in_format_two_becomes_the_response() {
    let response = answer(json!({
        "statusCode": 409,
        "headers": {"Content-Type": "application/problem+json", "retry-after": 3, "x-flag": true},
        "multiValueHeaders": {"x-many": ["1", "2"]},
        "cookies": ["a=1; Secure", "b=2"],
        "body": "{\"code\":\"busy\"}",
        "isBase64Encoded": false,
    }))
    .await;
    assert_eq!(response.status(), 409);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["retry-after"], "3");
    assert_eq!(headers["x-flag"], "true");
    assert_eq!(headers.get_all("x-many").iter().count(), 2);
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Secure", "b=2"]);
    assert_eq!(response.text().await.unwrap(), "{\"code\":\"busy\"}");
}

#[tokio::test]
async fn base64_body_is_decoded() {
    let response = answer(json!({"statusCode": 200, "body": "/wD/", "isBase64Encoded": true})).await;
    assert_eq!(response.bytes().await.unwrap().as_ref(), [0xff, 0, 0xff]);
}

#[tokio::test]
async fn body_without_a_type_is_plain_text() {
    let response = answer(json!({"statusCode": 200, "body": "hello"})).await;
    assert_eq!(response.headers()["content-type"], "text/plain;charset=UTF-8");
    let response = answer(json!({"statusCode": 204, "headers": null, "body": null, "cookies": null})).await;
    assert_eq!(response.status(), 204);
    assert!(!response.headers().contains_key("content-type"));
}

#[tokio::test]
async fn json_without_a_status_code_is_the_body_of_a_200() {
    for (said, body) in [
        (json!({"message": "hi"}), r#"{"message":"hi"}"#),
        (json!("Hello from Lambda!"), "Hello from Lambda!"),
        (json!([1, 2]), "[1,2]"),
        (json!(null), "null"),
    ] {
        let response = answer(said).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.text().await.unwrap(), body);
    }
}

#[tokio::test]
async fn answer_that_makes_no_sense_is_an_internal_error() {
    for nonsense in [
        json!({"statusCode": "many"}),
        json!({"statusCode": 99}),
        json!({"statusCode": 600}),
        json!({"statusCode": 200, "body": {"a": 1}}),
        json!({"statusCode": 200, "body": "not base64!", "isBase64Encoded": true}),
        json!({"statusCode": 200, "headers": {"x": {"y": 1}}}),
        json!({"statusCode": 200, "headers": {"x": "a\nb"}}),
        json!({"statusCode": 200, "headers": {"b a d": "x"}}),
        json!({"statusCode": 200, "cookies": "a=1"}),
    ] {
        assert_refused(answer(nonsense).await, 500, "Internal Server Error").await;
    }
}

#[tokio::test]
async fn headers_of_the_gateway_cannot_be_set_by_a_function() {
    let headers = json!({
        "apigw-requestid": "mine", "content-length": "999", "connection": "close", "transfer-encoding": "gzip",
        "access-control-allow-origin": "*", "access-control-allow-credentials": "true", "x-own": "kept",
    });
    let api = Api::start(answering(json!({"statusCode": 200, "headers": headers, "body": "ok"}))).await;
    let response = api.call().send().await.unwrap();
    assert_ne!(response.headers()["apigw-requestid"], "mine");
    assert_eq!(response.headers()["x-own"], "kept");
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert_eq!(response.text().await.unwrap(), "ok");

    let response = api.call().header("origin", ORIGIN).send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn function_that_fails_is_an_internal_error_and_the_gateway_lives_on() {
    let handler = event_handler(|event: LambdaEvent<Value>| match event.payload["rawPath"].as_str() {
        Some("/open/panic") => panic!("on purpose"),
        Some("/open/error") => {
            ready(Err(FunctionError { error_type: "E".into(), error_message: "m".into() }))
        }
        _ => ready(Ok("fine")),
    });
    let api = Api::start(handler).await;
    for path in ["/open/panic", "/open/error", "/nothing-behind"] {
        let response = api.request(Method::GET, path).send().await.unwrap();
        assert_refused(response, 500, "Internal Server Error").await;
    }
    assert_eq!(api.request(Method::GET, "/open/x").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn slow_function_is_unavailable_and_runs_on() {
    static GO_ON: Notify = Notify::const_new();
    static FINISHED: AtomicBool = AtomicBool::new(false);
    let handler = event_handler(|_: LambdaEvent<Value>| async {
        GO_ON.notified().await;
        FINISHED.store(true, Ordering::SeqCst);
        Ok::<_, FunctionError>("late")
    });
    let api = Api::with(handler, Duration::from_millis(50)).await;
    assert_refused(api.call().send().await.unwrap(), 503, "Service Unavailable").await;

    GO_ON.notify_one();
    api.lambda.drain(Duration::from_secs(5)).await;
    assert!(FINISHED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn client_that_goes_away_does_not_stop_the_function() {
    static GO_ON: Notify = Notify::const_new();
    static FINISHED: AtomicBool = AtomicBool::new(false);
    let handler = event_handler(|_: LambdaEvent<Value>| async {
        GO_ON.notified().await;
        FINISHED.store(true, Ordering::SeqCst);
        Ok::<_, FunctionError>(())
    });
    let api = Api::start(handler).await;
    let client = tokio::spawn(api.call().send());
    while api.lambda.in_flight() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.abort();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(api.lambda.in_flight(), 1);

    GO_ON.notify_one();
    api.lambda.drain(Duration::from_secs(5)).await;
    assert!(FINISHED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn requests_are_served_at_the_same_time() {
    let together = Arc::new(tokio::sync::Barrier::new(20));
    let handler = event_handler(move |_: LambdaEvent<Value>| {
        let together = Arc::clone(&together);
        async move {
            together.wait().await;
            Ok::<_, FunctionError>(())
        }
    });
    let api = Api::start(handler).await;
    let responses = futures::future::join_all((0..20).map(|_| api.call().send())).await;
    assert!(responses.into_iter().all(|response| response.unwrap().status() == 200));
}
