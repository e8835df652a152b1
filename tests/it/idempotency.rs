//! The Idempotency-Key: a repeated request gets the first response again, and costs nothing.

use fal_double::Fault;
use reqwest::Method;
use serde_json::json;

use crate::harness::{A_PROMPT, Potret, Response};
use crate::pictures;

#[tokio::test]
async fn a_replay_has_the_same_response_and_charges_nothing() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let loras = json!([{"path": "a/b", "scale": 1.0}]);
    let body = json!({"prompt": "a bag", "face_image": pictures::png(), "loras": loras});
    let first = merchant.generate_with_key("order-1", &body).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    assert_eq!(merchant.coins().await, (0, 0), "a replay needs no coin");
    for key in ["order-1", "\"order-1\""] {
        let replay = merchant.generate_with_key(key, &body).await;
        assert_eq!((replay.status, replay.header("idempotency-replayed")), (200, Some("true")));
        assert_eq!(replay.text, first.text);
    }
    assert_eq!(potret.fal().requests().len(), 2);
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn bodies_that_differ_in_order_white_space_and_spelling_of_labels_are_the_same() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let first = r#"{"options":{"model_type":"Wanita","category":"Tas"},"face_image":null}"#;
    let second = r#" { "options" : {"category": "bag", "model_type": "WOMAN"} } "#;
    let send = |body: &'static str| {
        let request = merchant.request(Method::POST, "/api/generate-image").header("idempotency-key", "k");
        Response::to(request.header("content-type", "application/json").body(body))
    };
    assert_eq!(send(first).await.status, 200);
    assert_eq!(send(second).await.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let (potret, merchant) = Potret::with_merchant(5).await;
    merchant.generate_with_key("k", &json!({"prompt": "a bag", "product_images": [pictures::png()]})).await;
    for body in [
        json!({"prompt": "a shoe", "product_images": [pictures::png()]}),
        json!({"prompt": "a bag", "product_images": [pictures::jpeg()]}),
        json!({"prompt": "a bag", "face_image": pictures::png()}),
        json!({"prompt": "a bag", "product_images": [pictures::png()], "loras": [{"path": "a/b"}]}),
    ] {
        assert_eq!(merchant.generate_with_key("k", &body).await.problem(), (422, "idempotency_key_reused"));
    }
    potret.audit_with(&merchant, (4, 4)).await;
}

#[tokio::test]
async fn a_failed_request_may_run_again_under_its_key_and_no_other_request_may() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    potret.fal_fails(Fault::InternalError);
    assert_eq!(merchant.generate_with_key("k", &A_PROMPT).await.problem(), (502, "image_provider_failed"));
    potret.fal().clear_faults();
    let other = merchant.generate_with_key("k", &json!({"prompt": "another"})).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused"));
    let second = merchant.generate_with_key("k", &A_PROMPT).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (200, None));
    let third = merchant.generate_with_key("k", &A_PROMPT).await;
    assert_eq!(third.header("idempotency-replayed"), Some("true"));
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn an_invalid_key_is_refused_before_a_coin_is_held() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    for key in ["\"open", "\"\"", &"k".repeat(256)] {
        assert_eq!(merchant.generate_with_key(key, &A_PROMPT).await.problem(), (400, "malformed_request"));
    }
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
}
