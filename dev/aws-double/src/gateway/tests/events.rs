//! The events that functions get.

use lambda_http::{Request, RequestExt};

use super::*;
use crate::lambda::http_handler;

async fn event(request: RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_event_is_that_of_the_real_gateway() {
    let api = Api::start(echo()).await;
    let token = token();
    let request = api.request(Method::POST, "/call?size=1&size=2&q=a%20b+c&flag").bearer_auth(&token);
    let request = request.header("X-Twice", "one").header("X-Twice", "two").header("cookie", "a=1; b=2");
    let request =
        request.header("user-agent", "test/1").header("content-type", "application/json").body("{\"a\":1}");
    let response = request.send().await.unwrap();
    let request_id = response.headers()["apigw-requestid"].to_str().unwrap().to_owned();
    let mut event: Value = response.json().await.unwrap();

    let trace = event["headers"]["x-amzn-trace-id"].take();
    assert!(trace.as_str().unwrap().starts_with("Root=1-"));
    let context = &mut event["requestContext"];
    let epoch = context["timeEpoch"].take().as_i64().unwrap();
    assert!(Timestamp::now().as_millisecond() - epoch < 10_000);
    let time = context["time"].take();
    let time = jiff::Zoned::strptime("%d/%b/%Y:%H:%M:%S %z", time.as_str().unwrap()).unwrap();
    assert_eq!(time.timestamp().as_second(), epoch / 1000);
    let claims = &mut context["authorizer"]["jwt"]["claims"];
    let expires: i64 = claims["exp"].take().as_str().unwrap().parse().unwrap();
    let issued: i64 = claims["iat"].take().as_str().unwrap().parse().unwrap();
    assert_eq!(expires - issued, 60);

    assert_eq!(
        event,
        json!({
            "version": "2.0",
            "routeKey": "POST /call",
            "rawPath": "/call",
            "rawQueryString": "size=1&size=2&q=a%20b+c&flag",
            "cookies": ["a=1", "b=2"],
            "headers": {
                "accept": "*/*",
                "authorization": format!("Bearer {token}"),
                "content-length": "7",
                "content-type": "application/json",
                "host": api.address.to_string(),
                "user-agent": "test/1",
                "x-amzn-trace-id": null,
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": api.address.port().to_string(),
                "x-forwarded-proto": "http",
                "x-twice": "one,two",
            },
            "queryStringParameters": {"size": "1,2", "q": "a b c", "flag": ""},
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "authorizer": {"jwt": {
                    "claims": {"iss": "https://issuer.test", "aud": "app", "sub": "user-1", "exp": null, "iat": null},
                    "scopes": null,
                }},
                "domainName": "127.0.0.1",
                "domainPrefix": "127",
                "http": {
                    "method": "POST", "path": "/call", "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1", "userAgent": "test/1",
                },
                "requestId": request_id,
                "routeKey": "POST /call",
                "stage": "$default",
                "time": null,
                "timeEpoch": null,
            },
            "body": "{\"a\":1}",
            "isBase64Encoded": false,
        })
    );
}

#[tokio::test]
async fn the_path_and_its_parameters_are_decoded() {
    let api = Api::start(echo()).await;
    let items = event(api.request(Method::GET, "/items/a%20b%2fc%E2%82%AC%zz").bearer_auth(token())).await;
    assert_eq!(items["pathParameters"], json!({"id": "a b/c€%zz"}));
    assert_eq!(items["rawPath"], "/items/a b/c€%zz");
    assert_eq!(items["requestContext"]["http"]["path"], "/items/a b/c€%zz");
    assert_eq!(items["routeKey"], "GET /items/{id}");
}

#[tokio::test]
async fn a_body_is_text_for_text_types_and_base64_for_others() {
    let api = Api::start(echo()).await;
    for (content_type, is_base64) in [
        ("application/json; charset=utf-8", false),
        ("APPLICATION/JSON", false),
        ("text/csv", false),
        ("application/javascript", false),
        ("application/xml", false),
        ("application/problem+json", false),
        ("image/svg+xml", false),
        ("application/x-www-form-urlencoded", true),
        ("application/octet-stream", true),
        ("image/png", true),
    ] {
        let event = event(api.call().header("content-type", content_type).body("héllo")).await;
        assert_eq!(event["isBase64Encoded"], is_base64, "{content_type}");
        assert_eq!(event["body"], if is_base64 { "aMOpbGxv" } else { "héllo" }, "{content_type}");
    }
    let untyped = event(api.call().body("x")).await;
    assert_eq!(untyped["isBase64Encoded"], true);
    let not_utf8 = api.call().header("content-type", "application/json").body(vec![b'"', 0xff, b'"']);
    let not_utf8 = event(not_utf8).await;
    assert_eq!((&not_utf8["isBase64Encoded"], &not_utf8["body"]), (&json!(true), &json!("Iv8i")));
}

#[tokio::test]
async fn the_caller_is_the_last_forwarder() {
    let api = Api::start(echo()).await;
    let event =
        event(api.call().header("x-forwarded-for", "203.0.113.9").header("x-forwarded-proto", "https")).await;
    assert_eq!(event["headers"]["x-forwarded-for"], "203.0.113.9, 127.0.0.1");
    assert_eq!(event["headers"]["x-forwarded-proto"], "http");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
}

#[tokio::test]
async fn an_http_handler_gets_claims_of_every_kind() {
    let handler = http_handler(|request: Request| async move {
        let context = serde_json::to_value(request.request_context()).unwrap();
        lambda_http::Response::new(context["authorizer"]["jwt"]["claims"].to_string())
    });
    let api = Api::start(handler).await;
    let token = KEY.sign(&json!({
        "iss": "https://issuer.test", "aud": ["app", "b"], "exp": 4_102_444_800_i64,
        "roles": {"shop": ["a", "b"]}, "verified": true, "none": null,
    }));
    assert_eq!(
        event(api.request(Method::POST, "/call").bearer_auth(token.unwrap())).await,
        json!({
            "iss": "https://issuer.test", "aud": "[app b]", "exp": "4102444800",
            "roles": "map[shop:[a b]]", "verified": "true", "none": "<nil>",
        })
    );
}

#[tokio::test]
async fn a_bare_request_has_no_empty_fields_and_comes_from_this_machine() {
    let api = Api::start(echo()).await;
    let resources = resources(AuthorizerSpec::Jwt(token_settings()));
    let service = router(&resources, KEY.clone(), INTEGRATION_TIMEOUT, api.lambda).unwrap();
    let request = http::Request::get("/open/x").body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(service, request).await.unwrap();
    let event = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["requestContext"]["domainName"], "localhost");
    assert!(event["requestContext"].get("authorizer").is_none());
    for absent in ["cookies", "queryStringParameters", "body"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
    assert_eq!((&event["rawQueryString"], &event["isBase64Encoded"]), (&json!(""), &json!(false)));
}
