//! Queued jobs, from the submission to the result.

use std::time::Duration;

use serde_json::{Value, json};

use super::{EDIT, KEY, Running, SCHNELL, body, start, start_with};
use crate::Fault;
use crate::models::Endpoint;

fn valid() -> Value {
    body(Endpoint::Schnell, "")
}

/// A double whose queue stands still, with one job in it.
async fn with_a_waiting_job() -> (Running, Value) {
    let running = start().await;
    running.fal.set_concurrency(Some(0));
    let (_, job) = running.submit(valid(), None).await;
    (running, job)
}

#[tokio::test]
async fn a_job_is_accepted_at_once_and_followed_to_its_result() {
    let (running, job) = with_a_waiting_job().await;
    let id = job["request_id"].as_str().unwrap();
    let url = format!("{}/fal-ai/flux/requests/{id}", running.fal.queue_url());
    let ticket = json!({
        "status_url": format!("{url}/status"),
        "response_url": url,
        "cancel_url": format!("{url}/cancel"),
        "request_id": id,
        "gateway_request_id": id,
        "status": "IN_QUEUE",
        "queue_position": 0,
    });
    assert_eq!(job, ticket);
    assert_eq!(running.get_json(&job["response_url"]).await.0, 400);

    running.fal.set_latency(Duration::from_millis(500));
    running.fal.set_concurrency(None);
    let logs = json!(format!("{url}/status?logs=1"));
    let (status, found) = running.get_json(&logs).await;
    assert_eq!((status, &found["status"]), (202, &json!("IN_PROGRESS")));
    assert_eq!(found["logs"].as_array().unwrap().len(), 1);
    assert_eq!(running.get_json(&job["status_url"]).await.1["logs"], Value::Null);

    let last = running.completed(&job).await;
    assert_eq!((&last["status"], last.get("error")), (&json!("COMPLETED"), None));
    assert!(last["metrics"]["inference_time"].as_f64().unwrap() >= 0.5);
    for url in [url.clone(), format!("{url}/response"), url.replace("/requests", "/schnell/requests")] {
        let result = running.get(&url).await;
        assert_eq!(
            (result.status().as_u16(), &result.headers()["x-fal-request-id"]),
            (200, &id.parse().unwrap())
        );
        assert_eq!(result.headers()["x-fal-served-from"], SCHNELL);
        assert_eq!(result.headers()["x-fal-billable-units"], "0.262144");
        assert!(result.json::<Value>().await.unwrap()["images"][0]["url"].is_string());
    }
    assert_eq!(running.http.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(running.get(&url.replace("/flux/", "/flux-2/")).await.status(), 404);
}

#[tokio::test]
async fn waiting_jobs_run_in_their_order_as_many_as_may() {
    let (running, first) = with_a_waiting_job().await;
    let (_, second) = running.submit(valid(), None).await;
    let (_, third) = running.submit(valid(), None).await;
    assert_eq!((&second["queue_position"], &third["queue_position"]), (&json!(1), &json!(2)));
    running.fal.set_latency(Duration::from_millis(500));
    running.fal.set_concurrency(Some(2));
    let (_, status) = running.get_json(&third["status_url"]).await;
    assert_eq!((&status["status"], &status["queue_position"]), (&json!("IN_QUEUE"), &json!(0)));
    for job in [first, second] {
        assert_eq!(running.get_json(&job["status_url"]).await.1["status"], "IN_PROGRESS");
    }
    assert_eq!(running.completed(&third).await["status"], "COMPLETED");
}

#[tokio::test]
async fn a_waiting_job_that_is_cancelled_never_runs() {
    let folder = tempfile::tempdir().unwrap();
    let running = start_with(Some(folder.path().to_owned())).await;
    running.fal.set_concurrency(Some(0));
    let (_, job) = running.submit(valid(), Some("0/a")).await;
    assert_eq!(running.cancel(&job["cancel_url"]).await, (202, json!({"status": "CANCELLATION_REQUESTED"})));
    let last = running.completed(&job).await;
    assert_eq!((&last["status"], &last["error_type"]), (&json!("COMPLETED"), &json!("client_cancelled")));
    assert_eq!(running.get_json(&job["response_url"]).await.0, 499);
    running.fal.set_concurrency(None);
    let (_, next) = running.submit(valid(), None).await;
    running.completed(&next).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(running.fal.deliveries().is_empty());
}

#[tokio::test]
async fn a_running_job_is_only_asked_to_stop() {
    let running = start().await;
    running.fal.set_latency(Duration::from_millis(300));
    let (_, job) = running.submit(valid(), None).await;
    assert_eq!(running.cancel(&job["cancel_url"]).await.0, 202);
    assert_eq!(running.completed(&job).await.get("error"), None);
    assert_eq!(running.cancel(&job["cancel_url"]).await, (400, json!({"status": "ALREADY_COMPLETED"})));
    let unknown = json!(format!("{}/a/b/requests/{}/cancel", running.fal.queue_url(), uuid::Uuid::nil()));
    assert_eq!(running.cancel(&unknown).await, (404, json!({"status": "NOT_FOUND"})));
}

#[tokio::test]
async fn the_submission_checks_the_key_and_the_endpoint_and_the_job_the_rest() {
    let running = start().await;
    let url = format!("{}/{SCHNELL}", running.fal.queue_url());
    assert_eq!(running.http.post(&url).json(&valid()).send().await.unwrap().status(), 401);
    let unknown = running.http.post(format!("{url}-2")).header("authorization", format!("Key {KEY}"));
    assert_eq!(unknown.send().await.unwrap().status(), 404);

    let (status, job) = running.submit(json!({"prompt": 7, "strength": 1}), None).await;
    assert_eq!(status, 200);
    let last = running.completed(&job).await;
    assert_eq!((&last["status"], &last["error_type"]), (&json!("COMPLETED"), &json!("string_type")));
    let (status, result) = running.get_json(&job["response_url"]).await;
    assert_eq!((status, &result["detail"][0]["loc"]), (422, &json!(["body", "prompt"])));
    let record = running.fal.requests().pop().unwrap();
    assert_eq!((record.queued, record.dropped_fields), (true, vec!["strength".to_owned()]));
}

#[tokio::test]
async fn a_fault_of_the_platform_is_the_result_of_the_job() {
    let running = start().await;
    for fault in [Fault::Unavailable, Fault::RunnerDisconnected] {
        running.inject(fault);
        let (status, job) = running.submit(valid(), None).await;
        assert_eq!((status, &job["status"]), (200, &json!("IN_QUEUE")));
        let last = running.completed(&job).await;
        let (status, result) = running.get_json(&job["response_url"]).await;
        assert_eq!((status, &last["error_type"]), (503, &result["error_type"]));
    }
}

#[tokio::test]
async fn a_job_runs_although_the_reply_to_its_submission_was_lost() {
    let running = start().await;
    for (fault, reply) in [
        (Fault::ConnectionClosed, None),
        (Fault::EdgeBadGateway, Some(502)),
        (Fault::EdgeGatewayTimeoutJson, Some(504)),
    ] {
        running.inject(fault);
        let sent = running.submission(valid(), None).send().await;
        assert_eq!(sent.ok().map(|response| response.status().as_u16()), reply);
        let id = running.fal.requests().pop().unwrap().request_id;
        let url = format!("{}/fal-ai/flux/requests/{id}/status", running.fal.queue_url());
        let last = running.completed(&json!({ "status_url": url })).await;
        assert_eq!((&last["status"], last.get("error")), (&json!("COMPLETED"), None), "{fault:?}");
    }
}

#[tokio::test]
async fn a_job_that_does_not_start_within_its_time_ends() {
    let running = start().await;
    running.fal.set_concurrency(Some(0));
    let submission = running.submission(valid(), Some("0/late")).header("x-fal-request-timeout", "0.15");
    let job: Value = submission.send().await.unwrap().json().await.unwrap();
    assert_eq!(running.completed(&job).await["error_type"], "startup_timeout");
    let result = running.get(job["response_url"].as_str().unwrap()).await;
    assert_eq!(
        (result.status().as_u16(), &result.headers()["x-fal-request-timeout-type"]),
        (504, &"user".parse().unwrap())
    );
}

#[tokio::test]
async fn a_result_can_expire() {
    let running = start().await;
    let (_, job) = running.submit(valid(), None).await;
    running.completed(&job).await;
    running.fal.set_result_ttl(Some(Duration::ZERO));
    for url in ["status_url", "response_url"] {
        assert_eq!(running.get_json(&job[url]).await.0, 404);
    }
    running.fal.set_result_ttl(None);
    assert_eq!(running.get_json(&job["response_url"]).await.0, 200);
}

#[tokio::test]
async fn the_stream_has_one_event_for_every_change() {
    let (running, job) = with_a_waiting_job().await;
    let stream = running.get(&format!("{}/stream?logs=1", job["status_url"].as_str().unwrap())).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    running.fal.set_latency(Duration::from_millis(50));
    let text = tokio::spawn(stream.text());
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.fal.set_concurrency(None);
    let text = text.await.unwrap().unwrap();
    let events = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    let events: Vec<Value> = events.map(|event| serde_json::from_str(event).unwrap()).collect();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event["status"].as_str().unwrap(), event["logs"].as_array().unwrap().len()))
        .collect();
    assert_eq!(seen, [("IN_QUEUE", 0), ("IN_PROGRESS", 1), ("COMPLETED", 2)]);
}

#[tokio::test]
async fn the_direct_host_can_respond_with_a_ticket() {
    let running = start().await;
    running.fal.set_latency(Duration::from_millis(50));
    running.inject(Fault::Queued);
    let (status, ticket) = running.ask(SCHNELL, valid()).await;
    let id = ticket["request_id"].as_str().unwrap();
    assert_eq!((status, &ticket), (200, &json!({"request_id": id, "status": "IN_PROGRESS"})));
    let url = format!("{}/{SCHNELL}/requests/{id}", running.fal.queue_url());
    running.completed(&json!({ "status_url": format!("{url}/status") })).await;
    assert_eq!(running.get(&url).await.status(), 200);

    for (fault, status) in [(Fault::QueuedWithUrls, 200), (Fault::QueuedFailing, 422)] {
        running.inject(fault);
        let (_, ticket) = running.ask(EDIT, body(Endpoint::Flux2Edit, &running.photo_url("photo.png"))).await;
        assert_eq!(running.completed(&ticket).await["error"].is_string(), status == 422);
        assert_eq!(running.get_json(&ticket["response_url"]).await.0, status);
        assert_eq!(running.cancel(&ticket["cancel_url"]).await.0, 400);
    }
}
