//! The response of each fault, as a client sees it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{EDIT, KEY, Running, SCHNELL, body, start};
use crate::Fault;
use crate::models::Endpoint;

/// Status, fal's own headers, and body of the response to an edit under a fault.
async fn under(running: &Running, fault: Fault) -> (u16, Vec<String>, String) {
    running.inject(fault);
    let photo = running.photo_url("photo.png");
    let response = running.post(EDIT, body(Endpoint::Flux2Edit, &photo)).await;
    let status = response.status().as_u16();
    let edge = fault.name().starts_with("edge_");
    assert_eq!(response.headers().contains_key("x-fal-request-id"), !edge, "{fault:?}");
    let own = |name: &str| name.starts_with("x-fal-") && name != "x-fal-request-id";
    let headers = response.headers().iter().filter(|(name, _)| own(name.as_str()));
    let headers = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    (status, headers, response.text().await.unwrap())
}

#[tokio::test]
async fn errors_have_the_documented_shapes() {
    let running = start().await;
    let mut lines = String::new();
    let shaped = Fault::ALL.iter().take_while(|fault| **fault != Fault::EdgeBadGateway);
    let html = [Fault::BadGateway, Fault::GatewayTimeout];
    for fault in shaped.copied().filter(|fault| !html.contains(fault)) {
        let (status, headers, text) = under(&running, fault).await;
        let body: Value = serde_json::from_str(&text).unwrap();
        let entry = &body["detail"][0];
        let detail = match body["detail"].as_str() {
            Some(text) => text.replace(&running.host, ""),
            None => format!("[{} at {}]", entry["type"].as_str().unwrap(), entry["loc"]),
        };
        let first = format!("{status} {} {}", fault.name(), headers.join(", "));
        lines += &format!("{}\n  {detail}\n", first.trim_end());
    }
    insta::assert_snapshot!(lines, @r#"
    401 bad_key
      No user found for Key ID and Secret
    403 account_locked
      User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.
    404 unknown_endpoint
      Application "fal-ai/flux-2/lora/edit" not found
    422 content_policy_violation
      [content_policy_violation at ["body","prompt"]]
    422 image_load_error
      [image_load_error at ["body","image_urls",0]]
    422 file_download_error
      [file_download_error at ["body","image_urls",0]]
    422 image_too_large
      [image_too_large at ["body","image_urls",0]]
    422 image_url_echo
      Could not load image from url: /photo.png
    429 concurrency_limit x-fal-needs-retry: 1
      Reached concurrent requests limit of 2
    500 internal_error_retryable x-fal-retryable: true
      [internal_server_error at ["body"]]
    500 internal_error x-fal-error-type: internal_error
      Internal Server Error
    500 runner_server_error x-fal-error-type: runner_server_error
      Runner encountered an internal server error
    502 runner_incomplete_response x-fal-error-type: runner_incomplete_response
      Runner sent an incomplete response
    503 unavailable x-fal-error-type: runner_scheduling_failure
      No runner could be allocated to handle the request
    503 runner_connection_timeout x-fal-error-type: runner_connection_timeout
      Connection to the runner timed out
    503 runner_connection_refused x-fal-error-type: runner_connection_refused
      Runner refused the connection
    503 runner_connection_error x-fal-error-type: runner_connection_error
      Could not connect to the runner
    503 runner_disconnected x-fal-error-type: runner_disconnected
      Runner disconnected unexpectedly
    504 request_timeout x-fal-error-type: request_timeout
      Request timed out
    499 client_disconnected x-fal-error-type: client_disconnected
      Client disconnected
    499 client_cancelled x-fal-error-type: client_cancelled
      Request was cancelled
    400 bad_request x-fal-error-type: bad_request
      Bad request
    504 start_timeout x-fal-error-type: startup_timeout, x-fal-request-timeout-type: user
      Request did not start within the requested timeout
    "#);
}

#[tokio::test]
async fn the_edge_responds_with_html_or_json_of_its_own() {
    let running = start().await;
    for (fault, status, start) in [
        (Fault::BadGateway, 502, "<html>"),
        (Fault::GatewayTimeout, 504, "<html>"),
        (Fault::EdgeBadGateway, 502, "<html>"),
        (Fault::EdgeUnavailable, 503, "<html>"),
        (Fault::EdgeGatewayTimeout, 504, "<html>"),
        (Fault::EdgeBadGatewayJson, 502, "{\"message\":\"Bad Gateway\"}"),
        (Fault::EdgeUnavailableJson, 503, "{\"message\":\"Service Unavailable\"}"),
        (Fault::EdgeGatewayTimeoutJson, 504, "{\"message\":\"Gateway Timeout\"}"),
    ] {
        let (found, _, text) = under(&running, fault).await;
        assert_eq!((found, text.starts_with(start)), (status, true), "{fault:?} {text}");
    }
}

#[tokio::test]
async fn a_request_timeout_is_a_number_of_seconds_above_a_tenth() {
    let running = start().await;
    for (seconds, status) in
        [("20", 200), ("0.11", 200), ("0.1", 400), ("0", 400), ("-1", 400), ("soon", 400)]
    {
        let request = running.request(SCHNELL).header("x-fal-request-timeout", seconds);
        let response = request.json(&body(Endpoint::Schnell, "")).send().await.unwrap();
        assert_eq!(response.status(), status, "{seconds}");
        assert_eq!(response.headers().contains_key("x-fal-error-type"), status == 400);
    }
}

#[tokio::test]
async fn a_200_can_have_an_unusual_body() {
    let running = start().await;
    let (_, _, nonsense) = under(&running, Fault::Nonsense).await;
    assert!(serde_json::from_str::<Value>(&nonsense).is_err());
    let read = |(status, _, text): (u16, Vec<String>, String)| -> Value {
        assert_eq!(status, 200);
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(read(under(&running, Fault::NoImages).await), json!({ "images": [] }));
    assert!(read(under(&running, Fault::SingleImage).await)["image"]["url"].is_string());
    assert!(read(under(&running, Fault::BareUrl).await)["url"].is_string());
    let foreign = read(under(&running, Fault::ForeignScheme).await);
    assert_eq!(foreign["images"][0]["url"], "javascript:alert(1)");
    let (_, _, oversized) = under(&running, Fault::OversizedAnswer).await;
    assert!(oversized.len() > 20_000_000);
}

#[tokio::test]
async fn a_flagged_picture_is_black() {
    let running = start().await;
    running.inject(Fault::BlackPicture);
    let (status, found) = running.ask(SCHNELL, body(Endpoint::Schnell, "")).await;
    assert_eq!((status, &found["has_nsfw_concepts"]), (200, &json!([true])));
    let file = running.get(found["images"][0]["url"].as_str().unwrap()).await.bytes().await.unwrap();
    let picture = image::load_from_memory(&file).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (512, 512));
    assert!(picture.as_raw().iter().all(|channel| *channel == 0));
}

#[tokio::test]
async fn a_closed_connection_sends_no_byte() {
    let running = start().await;
    running.inject(Fault::ConnectionClosed);
    let address = running.host.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = r#"{"prompt":"a"}"#;
    let request = format!(
        "POST /_local/fal/{SCHNELL} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Key {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&received), "");
    let record = running.fal.requests().pop().unwrap();
    assert_eq!((record.status, record.finished_at.is_some()), (None, true));
}

#[tokio::test]
async fn a_slow_response_takes_a_minute_longer() {
    let running = start().await;
    running.inject(Fault::Slow);
    let request = running.request(SCHNELL).json(&body(Endpoint::Schnell, ""));
    let error = request.timeout(Duration::from_millis(700)).send().await.unwrap_err();
    assert!(error.is_timeout());
}

#[tokio::test]
async fn a_followed_redirect_is_recorded_with_whether_it_carried_the_key() {
    let running = start().await;
    running.inject(Fault::Redirect);
    let response = running.post(SCHNELL, body(Endpoint::Schnell, "")).await;
    assert_eq!(response.status(), 307);
    let target = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(target, format!("{}/redirected", running.base));
    running.http.post(&target).send().await.unwrap();
    running.http.post(&target).header("authorization", "Key a:b").send().await.unwrap();
    let records = running.fal.requests();
    let followed: Vec<_> = records.iter().filter(|record| record.endpoint == "redirected").collect();
    assert_eq!(followed.iter().map(|record| record.carried_authorization).collect::<Vec<_>>(), [false, true]);
}
