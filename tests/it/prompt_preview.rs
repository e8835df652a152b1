//! `POST /api/prompt-preview`.

use serde_json::json;

use crate::harness::Potret;

const ROUTE: &str = "/api/prompt-preview";

#[tokio::test]
async fn the_preview_is_the_prompt_that_is_sent_and_costs_nothing() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let body = json!({"options": {"model_type": "Wanita", "category": "Tas", "camera_angle": "45° Angle"}});
    let preview = merchant.post(ROUTE, &body).await;
    let prompt = "A Woman model, for Bag, shot from 45° Angle angle, photorealistic resolusi HD";
    assert_eq!(preview.body, json!({"prompt": prompt, "prompt_length": prompt.chars().count()}));
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    assert_eq!(merchant.generate(&body).await.body["debug_info"]["prompt_sent"], prompt);
}

#[tokio::test]
async fn a_preview_and_a_generation_have_the_same_faults() {
    let (_potret, merchant) = Potret::with_merchant(1).await;
    let body = json!({"options": {"category": "Cars", "pose": 1, "mood": "sad"}});
    let (preview, generation) = (merchant.post(ROUTE, &body).await, merchant.generate(&body).await);
    assert_eq!(preview.problem(), (422, "invalid_request"));
    assert_eq!(preview.body, generation.body);
}

#[tokio::test]
async fn a_preview_takes_options_and_no_prompt() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    let with_prompt = json!({"options": {}, "prompt": "x"});
    for body in [json!({}), json!({"options": null}), json!({"options": []}), with_prompt] {
        assert_eq!(merchant.post(ROUTE, &body).await.problem(), (422, "invalid_request"), "{body}");
    }
}
