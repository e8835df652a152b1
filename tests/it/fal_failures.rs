//! Every way in which fal fails: told apart, logged, and never paid for.

use std::time::Duration;

use fal_double::Fault;
use serde_json::json;

use crate::harness::{Potret, Setup, a_prompt, serve};
use crate::pictures;

#[tokio::test]
async fn a_failed_batch_costs_nothing_and_says_what_is_wrong() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let body = json!({"prompt": "a bag", "face_image": pictures::png()});
    let failed = (502, "image_provider_failed");
    let table = [
        (Fault::BadKey, failed, 1),
        (Fault::AccountLocked, (503, "image_provider_busy"), 1),
        (Fault::UnknownEndpoint, failed, 1),
        (Fault::ContentPolicyViolation, (422, "content_rejected"), 1),
        (Fault::ImageLoadError, (422, "invalid_image"), 1),
        (Fault::FileDownloadError, (422, "invalid_image"), 1),
        (Fault::ImageTooLarge, (422, "invalid_image"), 1),
        (Fault::ImageUrlEcho, (422, "invalid_image"), 1),
        (Fault::InternalErrorRetryable, failed, 2),
        (Fault::InternalError, failed, 1),
        (Fault::BadGateway, failed, 1),
        (Fault::GatewayTimeout, failed, 1),
        (Fault::StartTimeout, (504, "image_provider_timeout"), 1),
        (Fault::BlackPicture, (422, "content_rejected"), 1),
        (Fault::QueuedFailing, (422, "content_rejected"), 1),
        (Fault::Nonsense, failed, 1),
        (Fault::NoImages, failed, 1),
        (Fault::ForeignScheme, failed, 1),
        (Fault::ConnectionClosed, failed, 1),
        (Fault::Redirect, failed, 1),
        (Fault::OversizedAnswer, failed, 1),
    ];
    for (fault, problem, most_tries_each) in table {
        potret.fal().clear_faults();
        potret.fal_fails(fault);
        let before = potret.fal().requests().len();
        let refused = merchant.generate(&body).await;
        assert_eq!(refused.problem(), problem, "{fault:?}: {}", refused.body);
        assert_eq!(refused.header("retry-after").is_some(), problem.0 == 503, "{fault:?}");
        assert_eq!(merchant.coins().await, (1, 1), "{fault:?}");
        let shown = merchant.last_prompt().await.body;
        assert_eq!(shown["status"], "failed", "{fault:?}");
        // The first failure ends the batch, so the other picture may not have been asked for again.
        let asked = potret.fal().requests().len() - before;
        assert!(asked <= 2 * most_tries_each && asked >= most_tries_each, "{fault:?}: asked {asked} times");
    }
    potret.audit().await;
}

#[tokio::test]
async fn one_failed_picture_of_two_fails_the_batch() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    for fault in [Fault::BlackPicture, Fault::InternalError, Fault::ContentPolicyViolation] {
        potret.fal().clear_faults();
        potret.fal_fails_once(fault, 1);
        assert_ne!(merchant.generate(&a_prompt()).await.status, 200, "{fault:?}");
        assert_eq!(merchant.coins().await, (1, 1), "{fault:?}");
    }
    potret.audit().await;
}

#[tokio::test]
async fn what_did_not_run_is_asked_again() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    for fault in [Fault::ConcurrencyLimit, Fault::Unavailable, Fault::InternalErrorRetryable] {
        potret.fal_fails_once(fault, 0);
        let before = potret.fal().requests().len();
        assert_eq!(merchant.generate(&a_prompt()).await.status, 200, "{fault:?}");
        assert_eq!(potret.fal().requests().len() - before, 3, "{fault:?}");
    }
    assert_eq!(merchant.coins().await, (2, 2));
    potret.audit().await;
}

#[tokio::test]
async fn a_limit_that_stays_is_answered_as_busy() {
    let potret = Setup::default().function_timeout(Duration::from_secs(5)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    potret.fal_fails(Fault::ConcurrencyLimit);
    let refused = merchant.generate(&a_prompt()).await;
    assert_eq!(refused.problem(), (503, "image_provider_busy"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

#[tokio::test]
async fn other_places_of_the_url_and_the_queue_lead_to_pictures() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    for fault in [Fault::SingleImage, Fault::BareUrl, Fault::Queued, Fault::QueuedWithUrls] {
        potret.fal().clear_faults();
        potret.fal_fails(fault);
        let answer = merchant.generate(&a_prompt()).await;
        assert_eq!(answer.status, 200, "{fault:?}: {}", answer.body);
        for url in answer.body["images"].as_array().unwrap() {
            assert_eq!(
                potret.http.get(url.as_str().unwrap()).send().await.unwrap().status(),
                200,
                "{fault:?}"
            );
        }
    }
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

/// A fal that queues everything and stumbles at every first look.
async fn stumbling_queue() -> String {
    use axum::http::{Method, StatusCode, Uri};
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let tickets = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let answer = move |method: Method, uri: Uri| {
        let first = method == Method::GET && seen.lock().expect("no panic").insert(uri.path().to_owned());
        let ticket = tickets.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            let body = match (method, uri.path().ends_with("/status")) {
                (Method::POST, _) => json!({"request_id": format!("ticket-{ticket}"), "status": "IN_QUEUE"}),
                (_, true) => json!({"status": "COMPLETED"}),
                (_, false) => json!({"images": [{"url": "https://v3.fal.media/files/a.jpg"}]}),
            };
            (if first { StatusCode::BAD_GATEWAY } else { StatusCode::OK }, body.to_string())
        }
    };
    serve(axum::Router::new().fallback(answer)).await
}

#[tokio::test]
async fn a_stumbling_queue_is_looked_at_again() {
    let setup =
        Setup::default().setting("FAL_BASE_URL", stumbling_queue().await).setting("FAL_KEY", "id:secret");
    let potret = setup.start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(merchant.coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn balance_is_unchanged_when_fal_times_out() {
    let potret = Setup::default().function_timeout(Duration::from_secs(5)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    potret.fal_fails(Fault::Slow);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (504, "image_provider_timeout"));
    assert_eq!(merchant.coins().await, (1, 1));
    assert_eq!(merchant.last_prompt().await.body["status"], "failed");
    potret.audit().await;
}

#[tokio::test]
async fn a_configured_wait_shorter_than_the_functions_wins() {
    let potret = Setup::default().setting("FAL_TIMEOUT_SECONDS", "1").start().await;
    let merchant = potret.user_with("merchant", 1).await;
    potret.fal_fails(Fault::Slow);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (504, "image_provider_timeout"));
    assert_eq!(merchant.coins().await, (1, 1));
}

#[tokio::test]
async fn fal_is_told_how_long_we_wait() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await.generate(&a_prompt()).await;
    for request in potret.fal().requests() {
        let seconds: u64 = request.request_timeout.expect("the header").parse().expect("seconds");
        assert!((20..=26).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn a_fal_that_cannot_be_reached_costs_nothing() {
    // Port 9 of the loopback is closed on any machine that runs tests.
    let setup =
        Setup::default().setting("FAL_BASE_URL", "http://127.0.0.1:9").setting("FAL_KEY", "id:secret");
    let potret = setup.function_timeout(Duration::from_secs(5)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (502, "image_provider_failed"));
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

#[tokio::test]
async fn a_wrong_key_is_an_alarm_and_is_not_shown() {
    let fal = Potret::start().await;
    let base = fal.url("/_local/fal");
    let potret = Setup::default()
        .setting("FAL_BASE_URL", base)
        .setting("FAL_KEY", "wrong:key-of-this-test")
        .start()
        .await;
    let merchant = potret.user_with("merchant", 1).await;
    let refused = merchant.generate(&a_prompt()).await;
    assert_eq!(refused.problem(), (502, "image_provider_failed"));
    assert!(!refused.body.to_string().contains("key"), "{}", refused.body);
    assert_eq!(merchant.coins().await, (1, 1));
}
