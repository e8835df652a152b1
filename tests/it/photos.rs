//! Photos: their limits, the bucket, and who may read from it.

use axum::Router;
use axum::http::{StatusCode, Uri};
use serde_json::json;

use crate::harness::{A_PROMPT, Potret, Setup, serve};
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
    assert!(potret.fal().requests().is_empty());
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn an_empty_field_counts_as_an_absent_photo() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let body = json!({"prompt": "a bag", "face_image": "", "background_image": " ", "product_images": []});
    assert_eq!(merchant.generate(&body).await.body["debug_info"]["generation_mode"], "text-to-image");
}

#[tokio::test]
async fn four_large_photos_fit_into_one_request_and_a_fifth_photo_does_not() {
    let (_potret, merchant) = Potret::with_merchant(2).await;
    let (small, large) = (pictures::png(), pictures::base64(&pictures::png_of(1_000_000)));
    for (name, photo, products, status) in [
        ("five photos", &small, 3, 422),
        ("four photos", &small, 2, 200),
        ("4 MB", &large, 2, 200),
        ("an event of more than 6 MB", &large, 3, 413),
    ] {
        let products = vec![photo; products];
        let body = json!({
            "prompt": "a bag", "face_image": photo, "background_image": photo, "product_images": products
        });
        assert_eq!(merchant.generate(&body).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn a_presigned_url_gives_access_to_one_photo_only() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    // Uploads, because they stay in the bucket when the batch has ended.
    let face = merchant.upload("image/jpeg", pictures::jpeg_file()).await;
    let products = [merchant.upload("image/png", pictures::png_of(1_000)).await];
    merchant.generate(&json!({"prompt": "a bag", "face_image": face, "product_images": products})).await;
    let sent = potret.sent_to_fal().remove(0);
    let [url, other] = [0, 1].map(|index| sent["image_urls"][index].as_str().unwrap());
    let opened = potret.http.get(url).send().await.unwrap();
    assert_eq!(opened.headers()["content-type"], "image/jpeg");
    assert_eq!(opened.bytes().await.unwrap(), pictures::jpeg_file());

    let ((_, signature), (other, _)) = (url.split_once('?').unwrap(), other.split_once('?').unwrap());
    let another_photo = potret.http.get(format!("{other}?{signature}"));
    for (name, request) in [("photo", another_photo), ("method", potret.http.put(url).body("overwritten"))] {
        assert_eq!(request.send().await.unwrap().status(), 403, "another {name}");
    }
}

#[tokio::test]
async fn every_photo_has_a_url_of_its_own_because_fal_caches_by_url() {
    let (_potret, merchant) = Potret::with_merchant(2).await;
    let body = json!({"prompt": "a bag", "face_image": pictures::png()});
    let (first, second) = (merchant.generate(&body).await.body, merchant.generate(&body).await.body);
    let [first, second] = [first, second].map(|body| body["debug_info"]["image_urls"][0].clone());
    assert!(first.is_string() && first != second, "{first}, {second}");
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
    let setup = Setup::default().setting("AWS_ENDPOINT_URL_S3", full_s3().await);
    let (potret, merchant) = setup.with_merchant(1).await;
    let refused = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::png()})).await;
    assert_eq!(refused.problem(), (503, "try_again"));
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    assert_eq!(merchant.last_prompt().await.body["status"], "failed");
    for _ in 0..2 {
        let without_photo = merchant.generate_with_key("k", &A_PROMPT).await;
        assert_eq!(without_photo.status, 200, "neither a batch without a photo nor its replay calls S3");
    }
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
