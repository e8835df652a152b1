//! The local stack itself: what it keeps, what it says when it cannot start, how it stops.

use std::time::Duration;

use axum::body::Bytes;
use local_stack::stack::{Options, Stack};
use serde_json::{Value, json};

use crate::harness::{Potret, Setup, a_prompt};

fn options() -> Options {
    Options { fal_latency: Some(Duration::ZERO), ..Options::default() }
}

#[tokio::test]
async fn a_taken_port_is_said_with_a_way_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let Err(error) = Stack::start(Options { listen: address, ..options() }).await else {
        panic!("the port is taken")
    };
    let text = error.to_string();
    assert!(
        text.contains(&format!("port {} is taken", address.port())) && text.contains("--listen"),
        "{text}"
    );
}

#[tokio::test]
async fn a_wrong_setting_stops_the_stack_and_names_what_is_allowed() {
    for (name, value, needle) in [
        ("IMAGE_TO_IMAGE_MODEL", "fal-ai/flux-1.1/image-to-image", "fal has no endpoint"),
        ("NUM_INFERENCE_STEPS", "28", "must be 7, or 4"),
        ("COINS_PER_BATCH", "0", "from 1 to 1000"),
        ("FAL_BASE_URL", "not a url", "FAL_BASE_URL is not a URL"),
    ] {
        let environment = move |asked: &str| (asked == name).then(|| value.to_owned());
        let started = Stack::start(Options { environment: Box::new(environment), ..options() }).await;
        let Err(error) = started else { panic!("{name} is wrong") };
        assert!(format!("{error:#}").contains(needle), "{error:#}");
    }
}

#[tokio::test]
async fn a_data_folder_outlives_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Stack::start(Options { data_dir: Some(folder.path().to_owned()), ..options() });
    let coins = async |stack: &Stack| {
        local_stack::demo::coins_available(stack, local_stack::users::RETURNING_USER).await.unwrap()
    };
    for _ in 0..2 {
        let stack = start().await.unwrap();
        local_stack::demo::prepare(&stack).await.unwrap();
        assert_eq!(coins(&stack).await, 9, "credited once, and one batch made once");
        stack.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_stop_waits_for_what_is_running() {
    let potret = Setup::default().fal_takes(Duration::from_millis(500)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let request = merchant.request(reqwest::Method::POST, "/api/generate-image").json(&a_prompt());
    let running = tokio::spawn(request.send());
    while potret.stack.lambda.in_flight() == 0 {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    potret.stack.stop().await.unwrap();
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn the_invoke_api_runs_any_function() {
    let potret = Potret::start().await;
    let url = potret.url("/2015-03-31/functions/add-coins/invocations");
    let event = json!({"user_id": "merchant", "coins": 5, "reference": "p1"});
    let answer = potret.http.post(&url).json(&event).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("x-amz-function-error")), (200, None));
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer, json!({"user_id": "merchant", "coins_balance": 5}));
    let refused = potret.http.post(&url).body("{}").send().await.unwrap();
    assert_eq!(refused.headers()["x-amz-function-error"], "Unhandled");
    assert!(potret.stack.lambda.invoke("no-such-function", Bytes::new()).await.is_err());
}
