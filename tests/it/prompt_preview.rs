//! `POST /api/prompt-preview`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Potret, User};

async fn preview(user: &User<'_>, body: &Value) -> Answer {
    Answer::of(user.request(Method::POST, "/api/prompt-preview").json(body)).await
}

#[tokio::test]
async fn the_preview_is_the_prompt_that_is_sent_and_costs_nothing() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let body = json!({"options": {"model_type": "Wanita", "category": "Tas", "camera_angle": "45° Angle"}});
    let shown = preview(&merchant, &body).await;
    let prompt = "A Woman model, for Bag, shot from 45° Angle angle, photorealistic resolusi HD";
    assert_eq!(shown.body, json!({"prompt": prompt, "prompt_length": prompt.chars().count()}));
    assert_eq!(merchant.coins().await, (1, 1));
    assert!(potret.fal().requests().is_empty());
    assert_eq!(merchant.generate(&body).await.body["debug_info"]["prompt_sent"], prompt);
}

#[tokio::test]
async fn its_faults_are_those_of_the_generation() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let body = json!({"options": {"category": "Cars", "pose": 1, "mood": "sad"}});
    let (preview, generation) = (preview(&merchant, &body).await, merchant.generate(&body).await);
    assert_eq!(preview.problem(), (422, "invalid_request"));
    assert_eq!(preview.body, generation.body);
}

#[tokio::test]
async fn without_options_there_is_nothing_to_show() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    for body in
        [json!({}), json!({"options": null}), json!({"options": []}), json!({"options": {}, "prompt": "x"})]
    {
        assert_eq!(preview(&merchant, &body).await.problem(), (422, "invalid_request"), "{body}");
    }
    let anonymous = potret.http.post(potret.url("/api/prompt-preview")).json(&json!({"options": {}}));
    assert_eq!(Answer::of(anonymous).await.status, 401);
}
