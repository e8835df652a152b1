//! What stays after a batch: the photos of its request are deleted, uploads stay, and fal is told what to keep.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use fal_double::{Fault, WebhookBehaviour};
use rusty_s3::S3Action;
use serde_json::{Value, json};
use url::Url;

use crate::asynchronous::{delivered, location};
use crate::harness::{A_PROMPT, Potret, Setup, User, forward, serve};
use crate::pictures;

impl Potret {
    /// Which of the photos at the URLs that a generation shows are in the bucket.
    async fn stored(&self, image_urls: &Value) -> Vec<bool> {
        let (bucket, credentials) = self.stack.s3.bucket(self.bucket());
        let mut stored = Vec::new();
        for url in image_urls.as_array().expect("URLs") {
            let (_, key) = url.as_str().and_then(|url| url.split_once("/uploads/")).expect("a key");
            let key = format!("uploads/{}", key.split('?').next().unwrap_or_default());
            let get = bucket.get_object(Some(&credentials), &key).sign(Duration::from_secs(60));
            let status = self.http.get(get).send().await.expect("a response").status();
            assert!(matches!(status, StatusCode::OK | StatusCode::NOT_FOUND), "{key}: {status}");
            stored.push(status == StatusCode::OK);
        }
        stored
    }

    /// The same of the newest generation of `merchant`.
    async fn stored_of_the_newest(&self, merchant: &User) -> Vec<bool> {
        let newest = merchant.last_prompt().await;
        assert_eq!(newest.status, 200, "{}", newest.body);
        self.stored(&newest.body["payload"]["image_urls"]).await
    }
}

/// A request with two photos in its body and one that was uploaded.
async fn with_photos(merchant: &User) -> Value {
    let upload = merchant.upload("image/jpeg", pictures::jpeg_file()).await;
    let products = [pictures::jpeg()];
    json!({"prompt": "a bag", "face_image": pictures::png(), "product_images": products, "background_image": upload})
}

/// Of the photos of [`with_photos`], only the upload is there.
const THE_UPLOAD_ONLY: [bool; 3] = [false, false, true];

#[tokio::test]
async fn photos_of_a_request_are_deleted_when_its_batch_ends_and_uploads_stay() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_secs(1)).with_merchant(2).await;
    let body = with_photos(&merchant).await;
    let ask = merchant.generate(&body);
    let look = async {
        potret.fal_receives(2).await;
        potret.stored(&potret.sent_to_fal()[0]["image_urls"]).await
    };
    let (response, meanwhile) = tokio::join!(ask, look);
    assert_eq!((response.status, meanwhile), (200, vec![true; 3]));
    assert_eq!(potret.stored(&response.body["debug_info"]["image_urls"]).await, THE_UPLOAD_ONLY);

    potret.fal_fails(Fault::ContentPolicyViolation);
    assert_eq!(merchant.generate(&body).await.status, 422);
    assert_eq!(potret.stored_of_the_newest(&merchant).await, THE_UPLOAD_ONLY);
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn photos_of_an_asynchronous_batch_are_deleted_however_it_ends() {
    let setup = Setup::default().setting("PULL_AFTER_SECONDS", "1").setting("ASYNC_LEASE_SECONDS", "4");
    let (potret, merchant) = setup.with_merchant(5).await;
    let body = with_photos(&merchant).await;
    let told = WebhookBehaviour { first_pause_milliseconds: Some(20), ..WebhookBehaviour::default() };
    let silent = WebhookBehaviour { lost: true, ..told.clone() };

    potret.fal().webhooks(told.clone());
    let place = location(&merchant.start_with("webhooks", "respond-async", &body).await);
    assert_eq!(merchant.follow(&place).await.body["status"], "succeeded");
    delivered(&potret, 2).await;
    assert_eq!(potret.stored_of_the_newest(&merchant).await, THE_UPLOAD_ONLY, "made, and told");

    potret.fal_fails(Fault::ContentPolicyViolation);
    let place = location(&merchant.start_with("failure", "respond-async", &body).await);
    assert_eq!(merchant.follow(&place).await.body["status"], "failed");
    delivered(&potret, 4).await;
    assert_eq!(potret.stored_of_the_newest(&merchant).await, THE_UPLOAD_ONLY, "failed, and told");

    potret.fal_fails(Fault::AccountLocked);
    assert_eq!(merchant.start_with("refused", "respond-async", &body).await.status, 503);
    assert_eq!(potret.stored_of_the_newest(&merchant).await, THE_UPLOAD_ONLY, "refused by fal");
    potret.fal().clear_faults();

    potret.fal().webhooks(silent);
    let place = location(&merchant.start_with("pull", "respond-async", &body).await);
    assert_eq!(merchant.follow(&place).await.body["status"], "succeeded");
    assert_eq!(potret.stored_of_the_newest(&merchant).await, THE_UPLOAD_ONLY, "made, and asked for");

    potret.fal().set_concurrency(Some(0));
    let place = location(&merchant.start_with("lease", "respond-async", &body).await);
    assert_eq!(potret.stored_of_the_newest(&merchant).await, [true; 3]);
    assert_eq!(merchant.follow(&place).await.body["status"], "expired");
    assert_eq!(potret.stored_of_the_newest(&merchant).await, THE_UPLOAD_ONLY, "expired");
    potret.audit_with(&merchant, (3, 3)).await;
}

/// An S3 in front of `upstream` that keeps every deletion waiting.
async fn never_deleting(upstream: Url) -> String {
    let http = aws_double::http_client();
    let respond = async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        if method == Method::DELETE {
            std::future::pending::<()>().await;
        }
        let url = upstream.join(uri.path_and_query().map_or("/", |path| path.as_str())).expect("a URL");
        forward(&http, (method, url), headers, body).await.into_response()
    };
    serve(Router::new().fallback(respond)).await
}

#[tokio::test]
async fn a_photo_that_cannot_be_deleted_delays_the_response_by_a_second_at_most() {
    let behind = Potret::start().await;
    let s3 = never_deleting(behind.stack.s3.endpoint().clone()).await;
    let (potret, merchant) = Setup::default().setting("AWS_ENDPOINT_URL_S3", s3).with_merchant(1).await;
    let begun = Instant::now();
    let response = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::png()})).await;
    assert_eq!(response.status, 200, "{}", response.body);
    let took = begun.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&took), "{took:?}");
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn fal_is_told_to_keep_no_payload_and_how_long_to_keep_a_picture() {
    let (potret, merchant) = Potret::with_merchant(2).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    let place = location(&merchant.start("k", "respond-async").await);
    assert_eq!(merchant.follow(&place).await.body["status"], "succeeded");
    let requests = potret.fal().requests();
    assert_eq!(requests.iter().map(|request| request.queued).collect::<Vec<_>>(), [false, false, true, true]);
    for request in requests {
        assert_eq!(request.store_io.as_deref(), Some("0"));
        let lifetime = r#"{"expiration_duration_seconds":2592000}"#;
        assert_eq!(request.object_lifecycle.as_deref(), Some(lifetime));
    }

    let setup = Setup::default().setting("FAL_KEEPS_PAYLOADS", "true");
    let setup = setup.setting("FAL_KEEPS_PICTURES_SECONDS", "86400");
    let (potret, merchant) = setup.with_merchant(1).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    let request = potret.fal().requests().remove(0);
    assert_eq!(request.store_io, None);
    assert_eq!(request.object_lifecycle.as_deref(), Some(r#"{"expiration_duration_seconds":86400}"#));
}

#[tokio::test]
async fn a_photo_can_be_fetched_as_long_as_its_batch_can_begin_and_not_much_longer() {
    let (potret, merchant) = Potret::with_merchant(2).await;
    let body = with_photos(&merchant).await;
    assert_eq!(merchant.generate(&body).await.status, 200);
    let place = location(&merchant.start_with("k", "respond-async", &body).await);
    merchant.follow(&place).await;
    let sent = potret.sent_to_fal();
    // The lease of a request ends 60 s after the 29 s of its function, and that of an asynchronous batch after 15 minutes.
    for (index, seconds) in [(0, 29 + 60 + 180), (2, 900 + 180)] {
        for url in sent[index]["image_urls"].as_array().expect("URLs") {
            let url: Url = url.as_str().and_then(|url| url.parse().ok()).expect("a URL");
            let mut query = url.query_pairs();
            let (_, expires) = query.find(|(name, _)| name == "X-Amz-Expires").expect("a lifetime");
            let expires: u64 = expires.parse().expect("seconds");
            assert!((seconds - 2..=seconds).contains(&expires), "{expires} s, not {seconds}");
        }
    }
}
