//! The responses that clients get.

use std::future::ready;

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
async fn a_base64_body_is_decoded() {
    let response =
        client_gets(json!({"statusCode": 200, "body": "/wD/", "isBase64Encoded": true, "cookies": []})).await;
    assert_eq!(response.bytes().await.unwrap().as_ref(), [0xff, 0, 0xff]);
}

#[tokio::test]
async fn a_body_without_a_type_is_plain_text() {
    let response = client_gets(json!({"statusCode": 200, "body": "hello", "cookies": []})).await;
    assert_eq!(response.headers()["content-type"], "text/plain;charset=UTF-8");
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
    let go_on = Arc::new(Notify::new());
    let (handler, is_finished) = waiting(&go_on);
    let api = Api::with(handler, Duration::from_millis(50)).await;
    assert_refused(api.call().send().await.unwrap(), 503, "Service Unavailable").await;

    go_on.notify_one();
    api.lambda.drain(Duration::from_secs(5)).await;
    assert!(is_finished.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_the_function() {
    let go_on = Arc::new(Notify::new());
    let (handler, is_finished) = waiting(&go_on);
    let api = Api::start(handler).await;
    let client = tokio::spawn(api.call().send());
    while api.lambda.in_flight() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.abort();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(api.lambda.in_flight(), 1);

    go_on.notify_one();
    api.lambda.drain(Duration::from_secs(5)).await;
    assert!(is_finished.load(Ordering::SeqCst));
}

#[tokio::test]
async fn requests_are_served_in_parallel() {
    let together = Arc::new(tokio::sync::Barrier::new(20));
    let handler = event_handler(move |_: LambdaEvent<Value>| {
        let together = Arc::clone(&together);
        async move {
            together.wait().await;
            Ok::<_, FunctionError>(json!({"statusCode": 200, "cookies": []}))
        }
    });
    let api = Api::start(handler).await;
    let responses = futures::future::join_all((0..20).map(|_| api.call().send())).await;
    assert!(responses.into_iter().all(|response| response.unwrap().status() == 200));
}
