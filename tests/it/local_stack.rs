//! The local stack itself: what it stores, why it does not start, how it stops.

use std::time::Duration;

use local_stack::demo;
use local_stack::stack::{Options, Stack};
use local_stack::users::RETURNING_USER;
use serde_json::json;

use crate::harness::{A_PROMPT, Potret, Response, Setup};

fn options() -> Options {
    Options { fal_latency: Some(Duration::ZERO), ..Options::default() }
}

#[tokio::test]
async fn the_error_for_a_port_in_use_names_the_option_to_change_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let error = Stack::start(Options { listen: address, ..options() })
        .await
        .err()
        .expect("the port is in use")
        .to_string();
    for needle in [&format!("port {} is taken", address.port()), "--listen"] {
        assert!(error.contains(needle), "{error}");
    }
}

#[tokio::test]
async fn the_error_for_an_invalid_setting_names_the_allowed_values() {
    for (name, value, needle) in [
        ("IMAGE_TO_IMAGE_MODEL", "fal-ai/flux-1.1/image-to-image", "fal has no endpoint"),
        ("NUM_INFERENCE_STEPS", "28", "must be 7, or 4"),
        ("COINS_PER_BATCH", "0", "from 1 to 1000"),
        ("FAL_BASE_URL", "not a url", "FAL_BASE_URL is not a URL"),
        ("AUTH_MODE", "basic", "AUTH_MODE must be jwt or lambda"),
        ("ALLOWED_ORIGINS", "https://shop.example/", "not \"https://shop.example/\""),
        ("PUBLIC_URL", "tunnel.example", "PUBLIC_URL is not a URL"),
    ] {
        let environment = Box::new(move |asked: &str| (asked == name).then(|| value.to_owned()));
        let started = Stack::start(Options { environment, ..options() }).await;
        let error = started.err().unwrap_or_else(|| panic!("{name}={value} was accepted"));
        assert!(format!("{error:#}").contains(needle), "{error:#}");
    }
}

#[tokio::test]
async fn a_data_folder_outlives_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let options = Options { data_dir: Some(folder.path().to_owned()), ..options() };
        let stack = Stack::start(options).await.unwrap();
        demo::prepare(&stack).await.unwrap();
        let coins = demo::coins_available(&stack, RETURNING_USER).await.unwrap();
        assert_eq!(coins, 9, "credited once, and one batch made once");
        stack.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_waits_for_running_requests() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_millis(500)).with_merchant(1).await;
    let request = merchant.request(reqwest::Method::POST, "/api/generate-image").json(&*A_PROMPT);
    let running = tokio::spawn(request.send());
    while potret.stack.lambda.in_flight() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    potret.stack.stop().await.unwrap();
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn the_invoke_api_runs_a_function() {
    let potret = Potret::start().await;
    let url = potret.url("/2015-03-31/functions/add-coins/invocations");
    let event = json!({"user_id": "merchant", "coins": 5, "reference": "p1"});
    let response = Response::to(potret.http.post(&url).json(&event)).await;
    assert_eq!(response.body, json!({"user_id": "merchant", "coins_balance": 5}));
}
