//! Every way in which fal fails: told apart, logged, and never paid for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use fal_double::{Fault, Injection};
use futures::future::join_all;
use serde_json::json;

use crate::harness::{A_PROMPT, Potret, Setup, serve};
use crate::pictures;

const FAILED: (u16, &str) = (502, "image_provider_failed");
const BUSY: (u16, &str) = (503, "image_provider_busy");
const TIMED_OUT: (u16, &str) = (504, "image_provider_timeout");
const REJECTED: (u16, &str) = (422, "content_rejected");
const INVALID_IMAGE: (u16, &str) = (422, "invalid_image");

/// A setup whose functions ask another server than the fal double.
fn with_fal_at(url: impl Into<String>) -> Setup {
    Setup::default().setting("FAL_BASE_URL", url).setting("FAL_KEY", "id:secret")
}

#[tokio::test]
async fn a_failed_batch_costs_nothing_and_says_what_is_wrong() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let body = json!({"prompt": "a bag", "face_image": pictures::png()});
    let table = [
        (Fault::BadKey, FAILED, 1),
        (Fault::AccountLocked, BUSY, 1),
        (Fault::UnknownEndpoint, FAILED, 1),
        (Fault::ContentPolicyViolation, REJECTED, 1),
        (Fault::ImageLoadError, INVALID_IMAGE, 1),
        (Fault::FileDownloadError, INVALID_IMAGE, 1),
        (Fault::ImageTooLarge, INVALID_IMAGE, 1),
        (Fault::ImageUrlEcho, INVALID_IMAGE, 1),
        (Fault::InternalErrorRetryable, FAILED, 2),
        (Fault::InternalError, FAILED, 1),
        (Fault::BadGateway, FAILED, 1),
        (Fault::GatewayTimeout, FAILED, 1),
        (Fault::StartTimeout, TIMED_OUT, 1),
        (Fault::BlackPicture, REJECTED, 1),
        (Fault::QueuedFailing, REJECTED, 1),
        (Fault::Nonsense, FAILED, 1),
        (Fault::NoImages, FAILED, 1),
        (Fault::ForeignScheme, FAILED, 1),
        (Fault::ConnectionClosed, FAILED, 1),
        (Fault::Redirect, FAILED, 1),
        (Fault::OversizedAnswer, FAILED, 1),
    ];
    for (fault, problem, max_tries_a_picture) in table {
        potret.fal_fails(fault);
        let before = potret.fal().requests().len();
        let refused = merchant.generate(&body).await;
        assert_eq!(refused.problem(), problem, "{fault:?}: {}", refused.body);
        assert_eq!(refused.header("retry-after").is_some(), problem == BUSY, "{fault:?}");
        assert_eq!(merchant.coins().await, (1, 1), "{fault:?}");
        assert_eq!(merchant.last_prompt().await.body["status"], "failed", "{fault:?}");
        // The first failure ends the batch, so the other picture may have had fewer tries.
        let requests = potret.fal().requests().len() - before;
        assert!((max_tries_a_picture..=2 * max_tries_a_picture).contains(&requests), "{fault:?}: {requests}");
    }
    let requests = potret.fal().requests();
    assert!(requests.iter().all(|request| request.endpoint != "redirected"), "no redirect is followed");
    potret.audit().await;
}

#[tokio::test]
async fn one_failed_picture_of_two_fails_the_batch() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    for fault in [Fault::BlackPicture, Fault::InternalError, Fault::ContentPolicyViolation] {
        potret.fal_fails_once(fault, 1);
        assert_ne!(merchant.generate(&A_PROMPT).await.status, 200, "{fault:?}");
        assert_eq!(merchant.coins().await, (1, 1), "{fault:?}");
    }
    potret.audit().await;
}

#[tokio::test]
async fn a_request_that_fal_did_not_run_is_retried() {
    let (potret, merchant) = Potret::with_merchant(5).await;
    for fault in [Fault::ConcurrencyLimit, Fault::Unavailable, Fault::InternalErrorRetryable] {
        potret.fal_fails_once(fault, 0);
        let before = potret.fal().requests().len();
        assert_eq!(merchant.generate(&A_PROMPT).await.status, 200, "{fault:?}");
        assert_eq!(potret.fal().requests().len() - before, 3, "{fault:?}");
    }
    potret.audit_with(&merchant, (2, 2)).await;
}

#[tokio::test]
async fn pictures_are_found_in_every_form_of_response_and_in_the_queue() {
    let (potret, merchant) = Potret::with_merchant(5).await;
    for fault in [Fault::SingleImage, Fault::BareUrl, Fault::Queued, Fault::QueuedWithUrls] {
        potret.fal_fails(fault);
        let response = merchant.generate(&A_PROMPT).await;
        assert_eq!(response.status, 200, "{fault:?}: {}", response.body);
        for url in response.body["images"].as_array().unwrap() {
            let picture = potret.http.get(url.as_str().unwrap()).send().await.unwrap();
            assert_eq!(picture.status(), 200, "{fault:?}");
        }
    }
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn what_fal_queued_is_cancelled_when_nobody_waits_any_more() {
    let setup = Setup::default().function_timeout(Duration::from_secs(2)).fal_takes(Duration::from_secs(10));
    let (potret, merchant) = setup.with_merchant(1).await;
    potret.fal_fails(Fault::QueuedWithUrls);
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), TIMED_OUT);
    let queued: BTreeSet<_> = potret.fal().requests().iter().map(|request| request.request_id).collect();
    assert_eq!(queued.len(), 2);
    assert_eq!(potret.fal().cancellations().into_iter().collect::<BTreeSet<_>>(), queued, "the time was up");
    // One of two fails while the other one is in the queue.
    potret.fal_fails_once(Fault::ContentPolicyViolation, 0);
    potret.fal().inject(Injection { fault: Fault::QueuedWithUrls, skip: 1, times: Some(1) });
    potret.fal().set_latency(Duration::from_millis(300));
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), REJECTED);
    assert_eq!(potret.fal().cancellations().len(), 3, "the other picture failed");
    potret.audit_with(&merchant, (1, 1)).await;
}

/// A fal that queues every request, and fails the first `GET` of every path.
async fn stumbling_queue() -> String {
    let (seen, tickets) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(0)));
    let respond = async move |method: Method, uri: Uri| {
        let stumbles = method == Method::GET && seen.lock().expect("no panic").insert(uri.path().to_owned());
        let body = match (method, uri.path().ends_with("/status")) {
            (Method::POST, _) => {
                let mut ticket = tickets.lock().expect("no panic");
                *ticket += 1;
                json!({"request_id": format!("ticket-{ticket}"), "status": "IN_QUEUE"})
            }
            (_, true) => json!({"status": "COMPLETED"}),
            (_, false) => json!({"images": [{"url": "https://v3.fal.media/files/a.jpg"}]}),
        };
        (if stumbles { StatusCode::BAD_GATEWAY } else { StatusCode::OK }, body.to_string())
    };
    serve(Router::new().fallback(respond)).await
}

#[tokio::test]
async fn a_failed_look_into_the_queue_is_repeated() {
    let (potret, merchant) = with_fal_at(stumbling_queue().await).with_merchant(1).await;
    let response = merchant.generate(&A_PROMPT).await;
    assert_eq!(response.status, 200, "{}", response.body);
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn a_request_to_fal_carries_our_timeout() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await.generate(&A_PROMPT).await;
    for request in potret.fal().requests() {
        let seconds: u64 = request.request_timeout.expect("the header").parse().expect("seconds");
        assert!((20..=26).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn a_fal_that_is_too_slow_or_cannot_be_used_costs_nothing() {
    let five_seconds = || Setup::default().function_timeout(Duration::from_secs(5));
    let one_second_for_fal = Setup::default().setting("FAL_TIMEOUT_SECONDS", "1");
    // Port 9 of the loopback is closed on any machine that runs tests.
    let unreachable = with_fal_at("http://127.0.0.1:9").function_timeout(Duration::from_secs(5));
    let other = Potret::start().await;
    let wrong_key = with_fal_at(other.url("/_local/fal")).setting("FAL_KEY", "wrong:key-of-this-test");
    let table = [
        ("a lasting concurrency limit", five_seconds(), Some(Fault::ConcurrencyLimit), BUSY),
        ("no response in the function's time", five_seconds(), Some(Fault::Slow), TIMED_OUT),
        ("no response in the shorter time for fal", one_second_for_fal, Some(Fault::Slow), TIMED_OUT),
        ("no connection", unreachable, None, FAILED),
        ("a refused key", wrong_key, None, FAILED),
    ];
    join_all(table.map(async |(name, setup, fault, problem)| {
        let (potret, merchant) = setup.with_merchant(1).await;
        fault.into_iter().for_each(|fault| potret.fal_fails(fault));
        let refused = merchant.generate(&A_PROMPT).await;
        assert_eq!(refused.problem(), problem, "{name}");
        assert_eq!(refused.header("retry-after").is_some(), problem == BUSY, "{name}");
        assert!(!refused.body.to_string().contains("key"), "{name}: {}", refused.body);
        assert_eq!(merchant.last_prompt().await.body["status"], "failed", "{name}");
        potret.audit_with(&merchant, (1, 1)).await;
    }))
    .await;
}
