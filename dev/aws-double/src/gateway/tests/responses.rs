//! The responses that clients get.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::*;

async fn client_gets(response: Value) -> Response {
    Api::start(responding(response)).await.call().send().await.unwrap()
}

#[tokio::test]
async fn a_response_in_format_two_is_translated() {
    let response = client_gets(json!({
        "statusCode": 409,
        "headers": {"Content-Type": "application/problem+json", "retry-after": "3"},
        "cookies": ["a=1; Secure", "b=2"],
        "body": "{\"code\":\"busy\"}",
        "isBase64Encoded": false,
    }))
    .await;
    assert_eq!(response.status(), 409);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["retry-after"], "3");
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Secure", "b=2"]);
    assert_eq!(response.text().await.unwrap(), "{\"code\":\"busy\"}");
}

#[tokio::test]
async fn a_body_without_a_type_is_plain_text_and_base64_is_decoded() {
    let response =
        client_gets(json!({"statusCode": 200, "body": "/wD/", "isBase64Encoded": true, "cookies": []})).await;
    assert_eq!(response.headers()["content-type"], "text/plain;charset=UTF-8");
    assert_eq!(response.bytes().await.unwrap().as_ref(), [0xff, 0, 0xff]);
    let response =
        client_gets(json!({"statusCode": 204, "headers": null, "body": null, "cookies": []})).await;
    assert_eq!(response.status(), 204);
    assert!(!response.headers().contains_key("content-type"));
}

#[tokio::test]
async fn a_senseless_response_is_an_internal_error() {
    for (field, value) in [
        ("statusCode", json!("many")),
        ("statusCode", json!(99)),
        ("statusCode", json!(600)),
        ("body", json!({"a": 1})),
        ("body", json!("not base64!")),
        ("headers", json!({"x": {"y": 1}})),
        ("headers", json!({"x": "a\nb"})),
        ("headers", json!({"b a d": "x"})),
        ("cookies", json!("a=1")),
        ("cookies", json!(["a\nb"])),
    ] {
        let mut nonsense = json!({"statusCode": 200, "body": "/wD/", "isBase64Encoded": true, "cookies": []});
        nonsense[field] = value;
        assert_refused(client_gets(nonsense).await, 500, "Internal Server Error").await;
    }
}

#[tokio::test]
async fn a_function_cannot_set_the_gateways_headers() {
    let headers = json!({
        "apigw-requestid": "mine", "content-length": "999", "connection": "close", "transfer-encoding": "gzip",
        "access-control-allow-origin": "*", "access-control-allow-credentials": "true", "x-own": "kept",
    });
    let api =
        Api::start(responding(json!({"statusCode": 200, "headers": headers, "body": "ok", "cookies": []})))
            .await;
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
async fn a_failed_function_is_an_internal_error_and_the_gateway_goes_on() {
    let handler = event_handler(|event: LambdaEvent<Value>| match event.payload["rawPath"].as_str() {
        Some("/open/panic") => panic!("on purpose"),
        Some("/open/error") => {
            ready(Err(FunctionError { error_type: "E".into(), error_message: "m".into() }))
        }
        _ => ready(Ok(json!({"statusCode": 200, "cookies": []}))),
    });
    let api = Api::start(handler).await;
    for path in ["/open/panic", "/open/error", "/nothing-behind"] {
        let response = api.request(Method::GET, path).send().await.unwrap();
        assert_refused(response, 500, "Internal Server Error").await;
    }
    assert_eq!(api.request(Method::GET, "/open/x").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_slow_function_is_unavailable_and_keeps_running() {
    static GO_ON: Notify = Notify::const_new();
    static FINISHED: AtomicBool = AtomicBool::new(false);
    let handler = event_handler(|_: LambdaEvent<Value>| async {
        GO_ON.notified().await;
        FINISHED.store(true, Ordering::SeqCst);
        Ok::<_, FunctionError>(())
    });
    let authorizer = AuthorizerSpec::Jwt(token_settings());
    let api = Api::behind(authorizer, vec![("f", handler)], Duration::from_millis(50)).await;
    assert_refused(api.call().send().await.unwrap(), 503, "Service Unavailable").await;

    GO_ON.notify_one();
    api.lambda.drain(Duration::from_secs(5)).await;
    assert!(FINISHED.load(Ordering::SeqCst));
}
