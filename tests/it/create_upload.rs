//! `POST /api/uploads`, and generations with photos that were uploaded.

use image::ImageFormat;
use reqwest::{Method, Response};
use serde_json::json;

use crate::harness::{Answer, Potret, Setup, User, a_prompt};
use crate::pictures;

async fn create(user: &User<'_>, content_type: &str, bytes: usize) -> Answer {
    let body = json!({"content_type": content_type, "content_length": bytes});
    Answer::of(user.request(Method::POST, "/api/uploads").json(&body)).await
}

/// Sends a file the way a page does: with the answer's URL, method and headers, and nothing else.
async fn put(potret: &Potret, created: &Answer, file: Vec<u8>) -> Response {
    let method = created.body["method"].as_str().expect("a method").parse().expect("a method");
    let mut request = potret.http.request(method, created.body["url"].as_str().expect("a URL"));
    for (name, value) in created.body["headers"].as_object().expect("headers") {
        request = request.header(name, value.as_str().expect("a text"));
    }
    request.body(file).send().await.expect("an answer")
}

/// Uploads a file, and answers what an image field takes for it.
async fn upload(user: &User<'_>, file: Vec<u8>) -> String {
    let created = create(user, "image/jpeg", file.len()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert!(put(user.potret, &created, file).await.status().is_success());
    format!("upload:{}", created.body["upload_id"].as_str().expect("an id"))
}

/// A picture of noise, so that it is as large as a phone's.
fn large_photo() -> Vec<u8> {
    let mut file = pictures::file(ImageFormat::Png, 900, 1200);
    file.resize(6_000_000, 7);
    file
}

#[tokio::test]
async fn a_large_photo_is_put_and_then_used() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 2).await;
    let created = create(&merchant, "image/png", 6_000_000).await;
    assert_eq!((created.status, created.header("cache-control")), (201, Some("no-store")));
    assert_eq!(
        (&created.body["method"], &created.body["headers"]),
        (&json!("PUT"), &json!({"content-type": "image/png"}))
    );
    assert!(put(&potret, &created, large_photo()).await.status().is_success());
    let photo = format!("upload:{}", created.body["upload_id"].as_str().unwrap());
    let answer = merchant
        .generate(&json!({"prompt": "a bag", "face_image": pictures::jpeg(), "background_image": photo}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown = answer.body["debug_info"]["image_urls"][1].as_str().unwrap();
    assert!(shown.contains("/by-client/") && !shown.contains('?'), "{shown}");
    let sent = potret.asked_of_fal()[0]["image_urls"][1].as_str().unwrap().to_owned();
    assert!(sent.starts_with(shown) && sent.contains("X-Amz-Signature="), "{sent}");
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

#[tokio::test]
async fn only_the_signed_type_and_length_may_be_put() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    let created = create(&merchant, "image/jpeg", 10).await;
    assert_eq!(put(&potret, &created, vec![1; 11]).await.status(), 403, "a longer body");
    assert_eq!(put(&potret, &created, vec![1; 9]).await.status(), 403, "a shorter body");
    let url = created.body["url"].as_str().unwrap();
    let other_type =
        potret.http.put(url).header("content-type", "text/html").body(vec![1; 10]).send().await.unwrap();
    assert_eq!(other_type.status(), 403, "another type");
    let longer_life = url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000");
    assert_ne!(url, longer_life);
    let forged = potret
        .http
        .put(longer_life)
        .header("content-type", "image/jpeg")
        .body(vec![1; 10])
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), 403, "a longer life");
    let preflight = potret.http.request(Method::OPTIONS, url).header("origin", "https://shop.example");
    let preflight = preflight.header("access-control-request-method", "PUT").send().await.unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn what_is_no_photo_of_ones_own_is_refused_and_costs_nothing() {
    let potret = Potret::start().await;
    let (merchant, other) = (potret.user_with("merchant", 1).await, potret.user_with("other", 1).await);
    let mut enormous = pictures::file(ImageFormat::Png, 8, 8);
    enormous[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    enormous[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let table = [
        (upload(&other, pictures::file(ImageFormat::Jpeg, 8, 8)).await, (422, "invalid_image")),
        (format!("upload:{}", "00000000-0000-4000-8000-000000000000"), (422, "invalid_image")),
        ("upload:../../other".to_owned(), (422, "invalid_image")),
        (upload(&merchant, b"a text file called .jpg".to_vec()).await, (422, "invalid_image")),
        (upload(&merchant, enormous).await, (413, "payload_too_large")),
    ];
    let mut absent_and_foreign = Vec::new();
    for (photo, problem) in table {
        let refused = merchant.generate(&json!({"prompt": "a bag", "product_images": [photo]})).await;
        assert_eq!(refused.problem(), problem, "{photo}: {}", refused.body);
        assert_eq!(refused.body["errors"][0]["pointer"], "/product_images/0");
        absent_and_foreign.push(refused.body);
    }
    assert_eq!(absent_and_foreign[0], absent_and_foreign[1], "another user's and nobody's look the same");
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    potret.audit().await;
}

#[tokio::test]
async fn a_delivered_batch_is_replayed_although_its_photo_is_gone() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let photo = upload(&merchant, pictures::file(ImageFormat::Jpeg, 60, 80)).await;
    let body = json!({"prompt": "a bag", "face_image": photo});
    let first = merchant.generate_with_key("k", &body).await;
    assert_eq!(first.status, 200);
    let key =
        first.body["debug_info"]["image_urls"][0].as_str().unwrap().split_once(potret.bucket()).unwrap().1;
    let delete =
        potret.stack.s3.s3().delete_object().bucket(potret.bucket()).key(key.trim_start_matches('/'));
    delete.send().await.expect("deleted");
    let again = merchant.generate_with_key("k", &body).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.text, first.text);
    assert_eq!(merchant.generate_with_key("other", &body).await.problem(), (422, "invalid_image"));
    assert_eq!(merchant.coins().await, (4, 4));
    potret.audit().await;
}

#[tokio::test]
async fn with_the_real_fal_an_uploaded_photo_travels_along() {
    let potret = Setup::default().setting("PHOTO_DELIVERY", "data-url").start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let file = pictures::file(ImageFormat::Jpeg, 60, 80);
    let photo = upload(&merchant, file.clone()).await;
    assert_eq!(merchant.generate(&json!({"prompt": "a bag", "face_image": photo})).await.status, 200);
    assert_eq!(potret.asked_of_fal()[0]["image_urls"][0], pictures::jpeg());
}

#[tokio::test]
async fn what_cannot_be_uploaded_is_refused() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    let most = 20 * 1024 * 1024;
    assert_eq!(create(&merchant, "image/webp", most).await.status, 201);
    assert_eq!(create(&merchant, "image/webp", most + 1).await.problem(), (413, "payload_too_large"));
    assert_eq!(create(&merchant, "image/gif", 10).await.problem(), (422, "invalid_request"));
    for body in [
        json!({}),
        json!({"content_type": 1, "content_length": "x", "key": "../x"}),
        json!({"content_length": 0}),
        json!({"content_type": "image/png", "content_length": 10.5}),
    ] {
        let refused = Answer::of(merchant.request(Method::POST, "/api/uploads").json(&body)).await;
        assert_eq!(refused.problem(), (422, "invalid_request"), "{body}");
    }
    // JSON knows one kind of number only, and some clients write whole ones like this.
    let body = json!({"content_type": "image/png", "content_length": 10.0});
    assert_eq!(Answer::of(merchant.request(Method::POST, "/api/uploads").json(&body)).await.status, 201);
    let anonymous = potret.http.post(potret.url("/api/uploads")).json(&a_prompt());
    assert_eq!(Answer::of(anonymous).await.status, 401);
}
