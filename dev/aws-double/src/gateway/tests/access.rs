//! Which requests reach a function: routes, tokens, origins, limits.

use std::collections::BTreeMap;
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
        (&KEY.sign(&expired).unwrap(), because("the token has expired")),
    ] {
        let request = api.request(Method::POST, "/call").header("authorization", authorization);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], challenge);
        assert_refused(response, 401, "Unauthorized").await;
        let public = api.request(Method::GET, "/open/x").header("authorization", authorization);
        assert_eq!(public.send().await.unwrap().status(), 200, "a public route ignores a bad token");
    }
}

#[tokio::test]
async fn a_body_over_ten_megabytes_or_an_event_over_six_is_too_large() {
    let api = Api::start(responding(json!({"statusCode": 200, "cookies": []}))).await;
    let of_type = |content_type| api.call().header("content-type", content_type);
    for (request, body_bytes, status, message) in [
        (api.call(), BODY_LIMIT_BYTES + 1, 413, "Request Entity Too Large"),
        (of_type("application/json"), 5_000_000, 200, ""),
        // As base64 the same body is a third longer.
        (of_type("image/png"), 5_000_000, 413, "Request Entity Too Large"),
        // The refusal of a large body does not break the connection.
        (api.request(Method::POST, "/call"), 9_000_000, 401, "Unauthorized"),
    ] {
        let response = request.body(vec![b'x'; body_bytes]).send().await.unwrap();
        match status {
            200 => assert_eq!(response.status(), 200),
            _ => assert_refused(response, status, message).await,
        }
    }
}

#[tokio::test]
async fn a_preflight_needs_neither_a_token_nor_a_route_but_an_allowed_origin() {
    let api = Api::start(echo()).await;
    let allowed = [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-headers", "authorization,content-type"),
        ("access-control-max-age", "600"),
    ];
    for (path, origin, permissions) in [
        ("/call", ORIGIN, &allowed[..]),
        ("/open/x", ORIGIN, &allowed),
        ("/unknown", ORIGIN, &allowed),
        ("/call", "https://evil.example", &[]),
    ] {
        let request = api.request(Method::OPTIONS, path).header("origin", origin);
        let response = request.header("access-control-request-method", "POST").send().await.unwrap();
        assert_eq!(response.status(), 204, "{path} {origin}");
        let headers = response.headers().iter();
        let headers = headers.filter(|(name, _)| name.as_str().starts_with("access-control-"));
        let headers: BTreeMap<_, _> =
            headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers, BTreeMap::from_iter(permissions.iter().copied()), "{path} {origin}");
        assert!(response.headers().contains_key("apigw-requestid"));
    }
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
    api.request(Method::GET, "/open/secret-segment").send().await.unwrap();
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request answered") && log.contains("request refused"), "{log}");
    let signature = good.rsplit('.').next().unwrap();
    for secret in [signature, "secret-body", "secret-query", "secret-segment"] {
        assert!(!log.contains(secret));
    }
}
