//! Photos: their limits, the bucket, and who may read from it.

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use jiff::Timestamp;
use rusty_s3::S3Action;
use serde_json::json;

use crate::harness::{Potret, Setup, serve};
use crate::pictures;

#[tokio::test]
async fn an_unusable_photo_is_refused_and_costs_nothing() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let text = pictures::base64(b"a text file called .jpg");
    let table = [
        ("not base64!".to_owned(), (400, "malformed_request")),
        ("https://shop.example/bag.jpg".to_owned(), (400, "malformed_request")),
        ("data:image/png,plain".to_owned(), (400, "malformed_request")),
        (format!("data:image/jpeg;base64,{text}"), (422, "invalid_image")),
        (pictures::base64(b"GIF89a\x01\x00\x01\x00\x80\x00\x00"), (422, "invalid_image")),
        (pictures::base64(&pictures::enormous()), (413, "payload_too_large")),
        (pictures::base64(&pictures::png_of(4 * 1024 * 1024 + 1)), (413, "payload_too_large")),
    ];
    for (photo, problem) in table {
        let refused = merchant.generate(&json!({"prompt": "a bag", "background_image": photo})).await;
        assert_eq!(refused.problem(), problem, "{}", &photo[..photo.len().min(60)]);
        assert_eq!(refused.body["errors"][0]["pointer"], "/background_image");
    }
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    potret.audit().await;
}

#[tokio::test]
async fn an_empty_field_counts_as_an_absent_photo() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let body = json!({"prompt": "a bag", "face_image": "", "background_image": " ", "product_images": []});
    assert_eq!(merchant.generate(&body).await.body["debug_info"]["generation_mode"], "text-to-image");
}

#[tokio::test]
async fn a_fifth_photo_is_refused() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let png = pictures::png();
    let mut body = json!({"prompt": "a bag", "face_image": png, "background_image": png});
    body["product_images"] = json!(vec![&png; 3]);
    assert_eq!(merchant.generate(&body).await.problem(), (422, "invalid_request"));
    body["product_images"] = json!(vec![&png; 2]);
    assert_eq!(merchant.generate(&body).await.status, 200);
}

#[tokio::test]
async fn four_large_photos_fit_into_one_request_and_a_fifth_does_not() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let large = pictures::base64(&pictures::png_of(1_000_000));
    for (count, status, reason) in [(4, 200, "4 MB"), (5, 413, "the event is larger than 6 MB")] {
        let body = json!({"prompt": "a bag", "product_images": vec![&large; count]});
        assert_eq!(merchant.generate(&body).await.status, status, "{reason}");
    }
}

#[tokio::test]
async fn a_presigned_url_gives_access_to_one_photo_only() {
    let (potret, merchant) = Potret::with_merchant(2).await;
    let products = [pictures::png()];
    let body = json!({"prompt": "a bag", "face_image": pictures::jpeg(), "product_images": products});
    merchant.generate(&body).await;
    let sent = potret.sent_to_fal().remove(0);
    let [url, other] = [0, 1].map(|index| sent["image_urls"][index].as_str().unwrap());
    let opened = potret.http.get(url).send().await.unwrap();
    assert_eq!(opened.headers()["content-type"], "image/jpeg");
    assert_eq!(opened.bytes().await.unwrap(), pictures::jpeg_file());

    let (path, query) = url.split_once('?').unwrap();
    let (other_path, _) = other.split_once('?').unwrap();
    for (url, difference) in [
        (path.to_owned(), "no signature"),
        (format!("{other_path}?{query}"), "another photo's signature"),
        (url.replace("X-Amz-Expires=3600", "X-Amz-Expires=86400"), "a later expiry"),
    ] {
        assert_eq!(potret.http.get(url).send().await.unwrap().status(), 403, "{difference}");
    }
    let put = potret.http.put(url).body("overwritten").send().await.unwrap();
    assert_eq!(put.status(), 403, "another method");
}

#[tokio::test]
async fn an_expired_url_is_refused() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (potret, merchant) = Potret::with_merchant(1).await;
    merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::jpeg()})).await;
    let url = potret.sent_to_fal()[0]["image_urls"][0].as_str().unwrap().to_owned();
    let (url, _) = url.split_once('?').unwrap();
    let (_, key) = url.split_once(&format!("{}/", potret.bucket())).unwrap();
    for (age, status) in [(HOUR - Duration::from_secs(100), 200), (HOUR + Duration::from_secs(100), 403)] {
        let (bucket, credentials) = potret.stack.s3.bucket(potret.bucket());
        let url = bucket.get_object(Some(&credentials), key).sign_with_time(HOUR, &(Timestamp::now() - age));
        assert_eq!(potret.http.get(url).send().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn every_user_has_a_folder_and_every_photo_a_url_of_its_own() {
    let potret = Potret::start().await;
    let body = json!({"prompt": "a bag", "face_image": pictures::png()});
    let folder = async |id: &str| {
        let merchant = potret.user_with(id, 2).await;
        let (first, second) = (merchant.generate(&body).await.body, merchant.generate(&body).await.body);
        let [first, second] =
            [&first, &second].map(|body| body["debug_info"]["image_urls"][0].as_str().unwrap());
        assert_ne!(first, second, "fal caches by URL, so every photo needs a new one");
        let [first, second] = [first, second].map(|url| {
            let (_, path) = url.split_once("/uploads/").unwrap();
            path.split_once('/').unwrap().0.to_owned()
        });
        assert_eq!(first, second);
        first
    };
    assert_ne!(folder("one").await, folder("../one").await);
}

/// An S3 that has every bucket and refuses every object.
async fn full_s3() -> String {
    let respond = |uri: Uri| async move {
        let is_object = uri.path().trim_matches('/').contains('/');
        if is_object { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    serve(Router::new().fallback(respond)).await
}

#[tokio::test]
async fn the_coin_is_given_back_when_the_bucket_fails() {
    let (potret, merchant) =
        Setup::default().setting("AWS_ENDPOINT_URL_S3", full_s3().await).with_merchant(1).await;
    let refused = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::png()})).await;
    assert_eq!(refused.problem(), (503, "try_again"));
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    assert_eq!(merchant.last_prompt().await.body["status"], "failed");
    potret.audit().await;
}

#[tokio::test]
async fn the_real_fal_gets_photos_and_uploads_as_data_urls() {
    let setup = Setup::default().setting("PHOTO_DELIVERY", "data-url");
    let (potret, merchant) = setup.with_merchant(1).await;
    let upload = merchant.upload("image/jpeg", pictures::jpeg_file()).await;
    let body = json!({"prompt": "a bag", "face_image": pictures::jpeg(), "background_image": upload});
    let response = merchant.generate(&body).await;
    assert_eq!(response.status, 200);
    assert_eq!(potret.sent_to_fal()[0]["image_urls"], json!([pictures::jpeg(), pictures::jpeg()]));
    let shown = "data:image/jpeg;base64,…";
    assert_eq!(response.body["debug_info"]["image_urls"], json!([shown, shown]));
}
