//! Which requests reach a function: routes, tokens, origins, limits.

use std::sync::Mutex;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[tokio::test]
async fn missing_and_invalid_tokens_are_unauthorized_and_the_challenge_says_why() {
    let api = Api::start(echo()).await;
    let expired = json!({"iss": "https://issuer.test", "aud": "app", "exp": 1_000_000_000});
    let because = |reason| format!(r#"Bearer scope="" error="invalid_token" error_description="{reason}""#);
    for (authorization, challenge) in [
        ("", "Bearer".to_owned()),
        ("Bearer garbage", because("the token cannot be decoded or its signature is invalid")),
        (&tokens::sign(&expired).unwrap(), because("the token has expired")),
    ] {
        let request = api.request(Method::POST, "/call").header("authorization", authorization);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], challenge);
        assert_refused(response, 401, "Unauthorized").await;
    }
}

#[tokio::test]
async fn a_public_route_ignores_a_bad_token() {
    let api = Api::start(echo()).await;
    let response = api.request(Method::GET, "/open/x").bearer_auth("garbage").send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_body_over_ten_megabytes_is_too_large() {
    let api = Api::start(responding(json!({"statusCode": 200, "cookies": []}))).await;
    let response = api.call().body(vec![b'x'; BODY_LIMIT_BYTES + 1]).send().await.unwrap();
    assert_refused(response, 413, "Request Entity Too Large").await;
}

#[tokio::test]
async fn an_event_over_six_megabytes_is_too_large() {
    let api = Api::start(responding(json!({"statusCode": 200, "cookies": []}))).await;
    let text = api.call().header("content-type", "application/json").body(vec![b'x'; 5_000_000]);
    assert_eq!(text.send().await.unwrap().status(), 200);
    // As base64 the same body is a third longer.
    let binary = api.call().header("content-type", "image/png").body(vec![b'x'; 5_000_000]);
    assert_refused(binary.send().await.unwrap(), 413, "Request Entity Too Large").await;
}

#[tokio::test]
async fn a_large_body_of_a_refused_request_does_not_break_the_connection() {
    let api = Api::start(echo()).await;
    let response = api.request(Method::POST, "/call").body(vec![b'x'; 9_000_000]).send().await.unwrap();
    assert_refused(response, 401, "Unauthorized").await;
}

fn preflight(api: &Api, path: &str, origin: &str) -> RequestBuilder {
    let request = api.request(Method::OPTIONS, path).header("origin", origin);
    request.header("access-control-request-method", "POST")
}

#[tokio::test]
async fn a_preflight_needs_neither_a_token_nor_a_route() {
    let api = Api::start(echo()).await;
    for path in ["/call", "/open/x", "/unknown"] {
        let response = preflight(&api, path, ORIGIN).send().await.unwrap();
        assert_eq!(response.status(), 204);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], ORIGIN);
        assert_eq!(headers["access-control-allow-methods"], "GET,POST");
        assert_eq!(headers["access-control-allow-headers"], "authorization,content-type");
        assert_eq!(headers["access-control-max-age"], "600");
        assert!(headers.contains_key("apigw-requestid"));
    }
}

#[tokio::test]
async fn the_preflight_of_another_origin_gets_no_permission() {
    let api = Api::start(echo()).await;
    let response = preflight(&api, "/call", "https://evil.example").send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn options_without_the_preflight_headers_is_an_ordinary_request() {
    let api = Api::start(echo()).await;
    let response = api.request(Method::OPTIONS, "/open/x").header("origin", ORIGIN).send().await.unwrap();
    assert_refused(response, 404, "Not Found").await;
}

#[tokio::test]
async fn every_response_names_an_allowed_origin() {
    let api = Api::start(echo()).await;
    let requests = [api.call(), api.request(Method::POST, "/call"), api.request(Method::GET, "/unknown")];
    for (request, status) in requests.into_iter().zip([200, 401, 404]) {
        let other = request.try_clone().unwrap().header("origin", "https://evil.example");
        let response = request.header("origin", ORIGIN).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
        assert_eq!(response.headers()["access-control-expose-headers"], "idempotency-replayed");

        let response = other.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn tokens_bodies_and_queries_are_not_logged() {
    static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    // For all threads: tracing would cache that an event is not logged if another thread meets the event
    // first.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| LOG.make_writer()).init();

    let api = Api::start(echo()).await;
    let good = token();
    let bad = format!("{good}x");
    for token in [&good, &bad] {
        let request = api.request(Method::POST, "/call?secret-query").bearer_auth(token);
        request.header("content-type", "text/plain").body("secret-body").send().await.unwrap();
    }
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request answered") && log.contains("request refused"), "{log}");
    let signature = good.rsplit('.').next().unwrap();
    for secret in [signature, "secret-body", "secret-query", tokens::DEVELOPMENT_ONLY_KEY] {
        assert!(!log.contains(secret));
    }
}
