//! No secret appears in a log, a response, a table or an error.

use fal_double::Fault;
use reqwest::Method;
use serde_json::json;

use crate::asynchronous::location;
use crate::harness::logs::logged;
use crate::harness::{Potret, Response};
use crate::pictures;

#[tokio::test]
async fn no_secret_is_logged_stored_or_sent_to_a_client() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant-with-secrets", 50).await;
    let photo = pictures::png();
    let body = json!({"prompt": "a bag", "face_image": photo, "product_images": [pictures::jpeg()]});
    let mut responses = vec![merchant.generate(&body).await];
    for fault in Fault::ALL.iter().copied().filter(|fault| *fault != Fault::Slow) {
        potret.fal_fails_once(fault, 0);
        responses.push(merchant.generate(&body).await);
    }
    potret.fal().clear_faults();
    let started = merchant.start("asynchronous", "respond-async").await;
    responses.push(merchant.follow(&location(&started)).await);
    responses.push(started);
    responses.push(merchant.last_prompt().await);
    let forged = merchant.request(Method::GET, "/api/coin-balance").bearer_auth("forged.token.value");
    responses.push(Response::to(forged).await);

    let mut places = vec![("a log", logged())];
    for response in &responses {
        places.push(("a response", format!("{:?} {}", response.headers, response.body)));
    }
    places.push(("a table", format!("{:?}", potret.snapshot().await)));
    let secrets = [
        ("the fal key", "local-key-secret"),
        ("a presigned signature", "X-Amz-Signature"),
        ("presigned credentials", "X-Amz-Credential"),
        ("a token", merchant.token.as_str()),
        ("another token", "forged.token.value"),
        ("a photo", &photo[100..160]),
        ("the local S3 secret", "local-secret"),
    ];
    let webhooks = potret.fal().deliveries();
    let callbacks = webhooks.iter().filter_map(|delivery| Some(delivery.url.rsplit_once('/')?.1));
    let callbacks: Vec<_> = callbacks.map(|callback| ("the address of a webhook", callback)).collect();
    assert_eq!(callbacks.len(), 2);
    for (place, text) in &places {
        for (secret, needle) in secrets.iter().chain(&callbacks).copied() {
            assert!(!text.contains(needle), "{secret} is in {place}");
        }
    }
    for message in ["coins settled", "sent to fal"] {
        assert!(logged().contains(message), "{message:?} was not captured, so the log proves nothing");
    }
}
