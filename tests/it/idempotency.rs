//! The Idempotency-Key: a repeat answers what the first answered, and costs nothing.

use std::time::Duration;

use fal_double::Fault;
use serde_json::json;

use crate::harness::{Answer, Potret, Setup, a_prompt};
use crate::pictures;

#[tokio::test]
async fn a_replay_answers_the_same_and_charges_nothing() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let loras = json!([{"path": "a/b", "scale": 1.0}]);
    let body = json!({"prompt": "a bag", "face_image": pictures::png(), "loras": loras});
    let first = merchant.generate_with_key("order-1", &body).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    // The last coin is gone, and the replay is answered all the same.
    for key in ["order-1", "\"order-1\""] {
        let again = merchant.generate_with_key(key, &body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
        assert_eq!(again.text, first.text);
    }
    assert_eq!(merchant.coins().await, (0, 0));
    assert_eq!(potret.fal().requests().len(), 2);
    potret.audit().await;
}

#[tokio::test]
async fn the_order_of_fields_white_space_and_labels_do_not_make_another_body() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let first = r#"{"options":{"model_type":"Wanita","category":"Tas"},"face_image":null}"#;
    let second = r#" { "options" : {"category": "bag", "model_type": "WOMAN"} } "#;
    let send = |body: &'static str| {
        let request = merchant.request(reqwest::Method::POST, "/api/generate-image");
        Answer::of(
            request.header("content-type", "application/json").header("idempotency-key", "k").body(body),
        )
    };
    assert_eq!(send(first).await.status, 200);
    assert_eq!(send(second).await.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    merchant.generate_with_key("k", &json!({"prompt": "a bag", "product_images": [pictures::png()]})).await;
    for body in [
        json!({"prompt": "a shoe", "product_images": [pictures::png()]}),
        json!({"prompt": "a bag", "product_images": [pictures::jpeg()]}),
        json!({"prompt": "a bag", "face_image": pictures::png()}),
        json!({"prompt": "a bag", "product_images": [pictures::png()], "loras": [{"path": "a/b"}]}),
    ] {
        assert_eq!(merchant.generate_with_key("k", &body).await.problem(), (422, "idempotency_key_reused"));
    }
    assert_eq!(merchant.coins().await, (4, 4));
    potret.audit().await;
}

#[tokio::test]
async fn while_the_first_runs_a_repeat_is_told_to_wait() {
    let potret = Setup::default().fal_takes(Duration::from_secs(1)).start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let prompt = a_prompt();
    let (first, repeat) = tokio::join!(merchant.generate_with_key("k", &prompt), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        merchant.generate_with_key("k", &prompt).await
    });
    assert_eq!(first.status, 200);
    assert_eq!(repeat.problem(), (409, "generation_in_progress"));
    assert!(repeat.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    assert_eq!(merchant.coins().await, (4, 4));
}

#[tokio::test]
async fn a_failure_is_not_stored_and_the_key_may_run_again() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    potret.fal_fails(Fault::InternalError);
    assert_eq!(merchant.generate_with_key("k", &a_prompt()).await.problem(), (502, "image_provider_failed"));
    potret.fal().clear_faults();
    let second = merchant.generate_with_key("k", &a_prompt()).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (200, None));
    let third = merchant.generate_with_key("k", &a_prompt()).await;
    assert_eq!(third.header("idempotency-replayed"), Some("true"));
    assert_eq!(merchant.coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn a_key_keeps_its_body_also_after_a_failure() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    potret.fal_fails_once(Fault::InternalError, 0);
    assert_ne!(merchant.generate_with_key("k", &a_prompt()).await.status, 200);
    let other = merchant.generate_with_key("k", &json!({"prompt": "another"})).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused"));
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

#[tokio::test]
async fn what_is_no_key_is_refused_before_anything_happens() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    for key in ["\"open", "\"\"", &"k".repeat(256)] {
        assert_eq!(merchant.generate_with_key(key, &a_prompt()).await.problem(), (400, "malformed_request"));
    }
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
}
