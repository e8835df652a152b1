//! Photos: the limits, the bucket, and who may read from it.

use common::aws;
use image::ImageFormat;
use serde_json::json;

use crate::harness::{Potret, Setup, serve};
use crate::pictures;

/// The header of a PNG that says it is enormous, and nothing else.
fn enormous() -> Vec<u8> {
    let mut bytes = pictures::file(ImageFormat::Png, 8, 8);
    bytes[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    bytes
}

#[tokio::test]
async fn a_photo_that_cannot_be_used_is_refused_and_costs_nothing() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let mut heavy = pictures::file(ImageFormat::Png, 8, 8);
    heavy.resize(4 * 1024 * 1024 + 1, 0);
    let table = [
        ("not base64!".to_owned(), (400, "malformed_request")),
        ("https://shop.example/bag.jpg".to_owned(), (400, "malformed_request")),
        ("data:image/png,plain".to_owned(), (400, "malformed_request")),
        (
            format!("data:image/jpeg;base64,{}", pictures::base64(b"a text file called .jpg")),
            (422, "invalid_image"),
        ),
        (pictures::base64(b"GIF89a\x01\x00\x01\x00\x80\x00\x00"), (422, "invalid_image")),
        (pictures::base64(&enormous()), (413, "payload_too_large")),
        (pictures::base64(&heavy), (413, "payload_too_large")),
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
async fn an_empty_form_field_is_no_photo() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let body = json!({"prompt": "a bag", "face_image": "", "background_image": " ", "product_images": []});
    assert_eq!(merchant.generate(&body).await.body["debug_info"]["generation_mode"], "text-to-image");
}

#[tokio::test]
async fn a_fifth_photo_is_refused() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let mut body =
        json!({"prompt": "a bag", "face_image": pictures::png(), "background_image": pictures::png()});
    body["product_images"] = json!(vec![pictures::png(); 3]);
    assert_eq!(merchant.generate(&body).await.problem(), (422, "invalid_request"));
    body["product_images"] = json!(vec![pictures::png(); 2]);
    assert_eq!(merchant.generate(&body).await.status, 200);
}

#[tokio::test]
async fn several_large_photos_fit_into_one_request() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let mut large = pictures::file(ImageFormat::Png, 8, 8);
    large.resize(1_000_000, 7);
    let body = json!({"prompt": "a bag", "product_images": vec![pictures::base64(&large); 4]});
    assert_eq!(merchant.generate(&body).await.status, 200);
    let body = json!({"prompt": "a bag", "product_images": vec![pictures::base64(&large); 5]});
    assert_eq!(merchant.generate(&body).await.status, 413, "the event is over 6 MB");
}

#[tokio::test]
async fn presigned_urls_open_one_photo_and_no_other() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 2).await;
    merchant
        .generate(
            &json!({"prompt": "a bag", "face_image": pictures::jpeg(), "product_images": [pictures::png()]}),
        )
        .await;
    let asked = potret.asked_of_fal().remove(0);
    let urls: Vec<_> =
        asked["image_urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap()).collect();
    let status = async |url: &str| potret.http.get(url).send().await.unwrap().status().as_u16();

    let opened = potret.http.get(urls[0]).send().await.unwrap();
    assert_eq!(opened.headers()["content-type"], "image/jpeg");
    assert_eq!(opened.bytes().await.unwrap(), pictures::file(ImageFormat::Jpeg, 60, 80));

    let (path, query) = urls[0].split_once('?').unwrap();
    let other_path = urls[1].split_once('?').unwrap().0;
    assert_eq!(status(path).await, 403, "no signature");
    assert_eq!(status(&format!("{other_path}?{query}")).await, 403, "another photo's signature");
    assert_eq!(
        status(&urls[0].replace("X-Amz-Expires=3600", "X-Amz-Expires=86400")).await,
        403,
        "a longer life"
    );
    let put = potret.http.put(urls[0]).body("overwritten").send().await.unwrap();
    assert_eq!(put.status(), 403, "another method");
}

#[tokio::test]
async fn an_expired_url_opens_nothing() {
    use std::time::{Duration, SystemTime};
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::jpeg()})).await;
    let url = potret.asked_of_fal()[0]["image_urls"][0].as_str().unwrap().to_owned();
    let key =
        url.split_once('?').unwrap().0.split_once(&format!("{}/", potret.bucket())).unwrap().1.to_owned();
    let client: aws::S3 = potret.stack.s3.s3();
    let signed = async |started: Duration| {
        let config =
            aws_sdk_s3::presigning::PresigningConfig::builder().start_time(SystemTime::now() - started);
        let config = config.expires_in(Duration::from_secs(3600)).build().unwrap();
        let request = client.get_object().bucket(potret.bucket()).key(&key).presigned(config).await.unwrap();
        potret.http.get(request.uri()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(signed(Duration::from_secs(3500)).await, 200);
    assert_eq!(signed(Duration::from_secs(3700)).await, 403);
}

#[tokio::test]
async fn photos_lie_under_their_owners_prefix() {
    let potret = Potret::start().await;
    let prefix = async |id: &str| {
        let merchant = potret.user_with(id, 2).await;
        let body = json!({"prompt": "a bag", "face_image": pictures::png()});
        let url = async || {
            let answer = merchant.generate(&body).await.body;
            answer["debug_info"]["image_urls"][0].as_str().unwrap().to_owned()
        };
        let (first, second) = (url().await, url().await);
        assert_ne!(first, second, "fal caches by URL, so a URL is never used again");
        let parts: Vec<_> = first.split("/uploads/").nth(1).unwrap().split('/').map(str::to_owned).collect();
        assert!(second.contains(&format!("/uploads/{}/", parts[0])));
        parts[0].clone()
    };
    assert_ne!(prefix("one").await, prefix("../one").await);
}

/// An S3 that has every bucket and takes no object.
async fn full_s3() -> String {
    let answer = |uri: axum::http::Uri| async move {
        let is_object = uri.path().trim_matches('/').contains('/');
        if is_object { axum::http::StatusCode::SERVICE_UNAVAILABLE } else { axum::http::StatusCode::OK }
    };
    serve(axum::Router::new().fallback(answer)).await
}

#[tokio::test]
async fn when_the_bucket_fails_the_coin_comes_back() {
    let potret = Setup::default().setting("AWS_ENDPOINT_URL_S3", full_s3().await).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let refused = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::png()})).await;
    assert_eq!(refused.problem(), (503, "try_again"));
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    assert_eq!(merchant.last_prompt().await.body["status"], "failed");
    potret.audit().await;
}

#[tokio::test]
async fn with_the_real_fal_photos_travel_along() {
    let potret = Setup::default().setting("PHOTO_DELIVERY", "data-url").start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let answer = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::jpeg()})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(potret.asked_of_fal()[0]["image_urls"][0], pictures::jpeg());
    assert_eq!(answer.body["debug_info"]["image_urls"][0], "data:image/jpeg;base64,…");
}
