//! `POST /api/uploads`, and generations with photos that were uploaded.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Method;
use rusty_s3::S3Action;
use serde_json::json;

use crate::harness::Potret;
use crate::pictures;
use crate::tidy::template::template;

#[tokio::test]
async fn a_large_photo_is_put_and_then_used() {
    let (potret, merchant) = Potret::with_merchant(2).await;
    let photo = merchant.upload("image/png", pictures::png_of(6_000_000)).await;
    let body = json!({"prompt": "a bag", "face_image": pictures::jpeg(), "background_image": photo});
    let response = merchant.generate(&body).await;
    assert_eq!(response.status, 200, "{}", response.body);
    let shown = response.body["debug_info"]["image_urls"][1].as_str().unwrap();
    assert!(shown.contains("/by-client/") && !shown.contains('?'), "{shown}");
    let sent = potret.sent_to_fal()[0]["image_urls"][1].as_str().unwrap().to_owned();
    assert!(sent.starts_with(shown) && sent.contains("X-Amz-Signature="), "{sent}");
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn only_a_file_of_the_signed_type_and_length_may_be_put() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let created = merchant.create_upload("image/jpeg", 10).await;
    assert_eq!((created.status, created.header("cache-control")), (201, Some("no-store")));
    let (method, headers) = (&created.body["method"], &created.body["headers"]);
    let expected = json!({"content-type": "image/jpeg", "if-none-match": "*"});
    assert_eq!((method, headers), (&json!("PUT"), &expected));
    let url = created.body["url"].as_str().unwrap();
    let later = url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000");
    assert_ne!(url, later);
    for (url, content_type, condition, length, difference) in [
        (url, "image/jpeg", Some("*"), 11, "a longer body"),
        (url, "image/jpeg", Some("*"), 9, "a shorter body"),
        (url, "text/html", Some("*"), 10, "another type"),
        (url, "image/jpeg", None, 10, "no condition"),
        (url, "image/jpeg", Some("\"other\""), 10, "another condition"),
        (&later, "image/jpeg", Some("*"), 10, "a later expiry"),
    ] {
        let put = potret.http.put(url).header("content-type", content_type).body(vec![1; length]);
        let put = condition.into_iter().fold(put, |put, value| put.header("if-none-match", value));
        assert_eq!(put.send().await.unwrap().status(), 403, "{difference}");
    }
    let preflight = potret.http.request(Method::OPTIONS, url).header("origin", "http://localhost:5173");
    let preflight = preflight.header("access-control-request-method", "PUT").send().await.unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "http://localhost:5173");
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap().to_lowercase();
    let cors = &template()["Resources"]["UploadsBucket"]["Properties"]["CorsConfiguration"]["CorsRules"][0];
    let sent: Vec<_> = expected.as_object().unwrap().keys().cloned().collect();
    assert_eq!((&cors["AllowedHeaders"], allowed), (&json!(sent), sent.join(",")));
}

#[tokio::test]
async fn an_upload_url_works_once_and_what_was_inspected_stays() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let file = pictures::png_of(1_000);
    let created = merchant.create_upload("image/png", file.len()).await.body;
    let put = async |file: Vec<u8>| {
        let put = potret.http.put(created["url"].as_str().unwrap()).header("content-type", "image/png");
        let response = put.header("if-none-match", "*").body(file).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(put(file.clone()).await.0, 200);
    let (status, document) = put(vec![0; file.len()]).await;
    assert_eq!(status, 412);
    assert!(document.contains("<Code>PreconditionFailed</Code>"), "{document}");

    let photo = format!("upload:{}", created["upload_id"].as_str().unwrap());
    assert_eq!(merchant.generate(&json!({"prompt": "a bag", "face_image": photo})).await.status, 200);
    let url = potret.sent_to_fal()[0]["image_urls"][0].as_str().unwrap().to_owned();
    assert_eq!(potret.http.get(url).send().await.unwrap().bytes().await.unwrap(), file);
}

#[tokio::test]
async fn an_upload_needs_an_available_coin_and_costs_none() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    for _ in 0..2 {
        assert_eq!(merchant.create_upload("image/png", 10).await.status, 201);
    }
    potret.audit_with(&merchant, (1, 1)).await;
    potret.leave_a_running_batch(SignedDuration::ZERO).await;
    for (user, balance) in [(merchant, 1), (potret.user("stranger"), 0)] {
        let refused = user.create_upload("image/png", 10).await;
        assert_eq!(refused.problem(), (403, "insufficient_coins"));
        let coins = ["coins_required", "coins_available", "coins_balance"].map(|name| &refused.body[name]);
        assert_eq!(coins, [1, 0, balance]);
    }
}

#[tokio::test]
async fn an_upload_that_is_missing_foreign_or_unusable_is_refused_and_costs_nothing() {
    let potret = Potret::start().await;
    let (merchant, other) = (potret.user_with("merchant", 1).await, potret.user_with("other", 1).await);
    let table = [
        (other.upload("image/jpeg", pictures::jpeg_file()).await, (422, "invalid_image")),
        ("upload:00000000-0000-4000-8000-000000000000".to_owned(), (422, "invalid_image")),
        ("upload:../../other".to_owned(), (422, "invalid_image")),
        (merchant.upload("image/jpeg", b"a text file called .jpg".to_vec()).await, (422, "invalid_image")),
        (merchant.upload("image/jpeg", pictures::enormous()).await, (413, "payload_too_large")),
    ];
    let mut bodies = Vec::new();
    for (photo, problem) in table {
        let refused = merchant.generate(&json!({"prompt": "a bag", "product_images": [photo]})).await;
        assert_eq!(refused.problem(), problem, "{photo}: {}", refused.body);
        assert_eq!(refused.body["errors"][0]["pointer"], "/product_images/0");
        bodies.push(refused.body);
    }
    assert_eq!(bodies[0], bodies[1], "a foreign upload and a missing one look the same");
    assert!(potret.fal().requests().is_empty());
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn a_batch_is_replayed_although_its_photo_was_deleted() {
    let (potret, merchant) = Potret::with_merchant(5).await;
    let body =
        json!({"prompt": "a bag", "face_image": merchant.upload("image/jpeg", pictures::jpeg_file()).await});
    let first = merchant.generate_with_key("k", &body).await;
    assert_eq!(first.status, 200);
    let url = first.body["debug_info"]["image_urls"][0].as_str().unwrap();
    let (_, key) = url.split_once(&format!("{}/", potret.bucket())).unwrap();
    let (bucket, credentials) = potret.stack.s3.bucket(potret.bucket());
    let delete = bucket.delete_object(Some(&credentials), key).sign(Duration::from_secs(60));
    assert_eq!(potret.http.delete(delete).send().await.expect("a response").status(), 204);
    let replay = merchant.generate_with_key("k", &body).await;
    assert_eq!((replay.status, replay.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(replay.text, first.text);
    assert_eq!(merchant.generate_with_key("other", &body).await.problem(), (422, "invalid_image"));
    potret.audit_with(&merchant, (4, 4)).await;
}

#[tokio::test]
async fn an_upload_of_another_type_or_length_is_refused() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let most = 20 * 1024 * 1024;
    assert_eq!(merchant.create_upload("image/webp", most).await.status, 201);
    assert_eq!(merchant.create_upload("image/webp", most + 1).await.problem(), (413, "payload_too_large"));
    for body in [
        json!({}),
        json!({"content_type": "image/gif", "content_length": 10}),
        json!({"content_type": 1, "content_length": "x", "key": "../x"}),
        json!({"content_length": 0}),
        json!({"content_type": "image/png", "content_length": 10.5}),
    ] {
        let refused = merchant.post("/api/uploads", &body).await;
        assert_eq!(refused.problem(), (422, "invalid_request"), "{body}");
    }
    // JSON has one kind of number, and some clients write whole numbers with a fraction.
    let body = json!({"content_type": "image/png", "content_length": 10.0});
    assert_eq!(merchant.post("/api/uploads", &body).await.status, 201);
}
