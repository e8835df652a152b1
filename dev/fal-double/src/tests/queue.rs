//! Queued requests, from the first response to the result.

use std::time::Duration;

use serde_json::{Value, json};

use super::{KEY, SCHNELL, body, start};
use crate::Fault;
use crate::models::Endpoint;

#[tokio::test]
async fn a_queued_request_can_be_followed_to_its_result() {
    let running = start().await;
    running.fal.set_latency(Duration::from_millis(200));
    running.inject(Fault::Queued);
    let (status, found) = running.ask(SCHNELL, body(Endpoint::Schnell, "")).await;
    let id = found["request_id"].as_str().unwrap();
    assert_eq!((status, &found), (200, &json!({"request_id": id, "status": "IN_PROGRESS"})));
    for app in ["fal-ai/flux", SCHNELL] {
        let request = format!("{}/{app}/requests/{id}", running.base);
        let status = running.get(&format!("{request}/status")).await;
        assert_eq!(status.status(), 202);
        assert_eq!(status.json::<Value>().await.unwrap()["status"], "IN_PROGRESS");
        assert_eq!(running.get(&request).await.status(), 400);
    }
    let request = format!("{}/fal-ai/flux/requests/{id}", running.base);
    while running.get(&format!("{request}/status")).await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let result = running.get(&request).await;
    assert_eq!((result.status().as_u16(), result.headers()["x-fal-request-id"].to_str().unwrap()), (200, id));
    assert!(result.json::<Value>().await.unwrap()["images"][0]["url"].is_string());
    assert_eq!(running.http.get(&request).send().await.unwrap().status(), 401);
    let other = format!("{}/fal-ai/flux-2/requests/{id}", running.base);
    assert_eq!(running.get(&other).await.status(), 404);
}

#[tokio::test]
async fn a_failing_queued_request_is_completed_with_an_error() {
    let running = start().await;
    running.inject(Fault::QueuedFailing);
    let (_, found) = running.ask(SCHNELL, body(Endpoint::Schnell, "")).await;
    let status_url = found["status_url"].as_str().unwrap();
    let status = loop {
        let response = running.get(status_url).await;
        if response.status() == 200 {
            break response.json::<Value>().await.unwrap();
        }
    };
    assert_eq!((&status["status"], status["error"].is_string()), (&json!("COMPLETED"), true));
    let result = running.get(found["response_url"].as_str().unwrap()).await;
    assert_eq!(result.status(), 422);
    assert_eq!(result.json::<Value>().await.unwrap()["detail"][0]["type"], "content_policy_violation");
    let cancel = running.http.put(found["cancel_url"].as_str().unwrap());
    let cancel = cancel.header("authorization", format!("Key {}", KEY)).send().await.unwrap();
    assert_eq!(cancel.json::<Value>().await.unwrap(), json!({"status": "ALREADY_COMPLETED"}));
}
