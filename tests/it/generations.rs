//! `GET /api/generations` and `GET /api/generations/{generation_id}`.

use std::time::Duration;

use fal_double::Fault;
use serde_json::{Value, json};

use crate::harness::{A_PROMPT, Potret, Response, Setup};
use crate::pictures;

const LIST: &str = "/api/generations";

/// The prompts of a page.
fn prompts(page: &Response) -> Vec<&str> {
    let generations = page.body["generations"].as_array().expect("generations").iter();
    generations.map(|generation| generation["prompt"].as_str().expect("a prompt")).collect()
}

#[tokio::test]
async fn a_generation_is_found_at_its_location() {
    let (_potret, merchant) = Potret::with_merchant(5).await;
    let created = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::png()})).await;
    let location = created.header("location").expect("a location");
    assert_eq!(location, format!("{LIST}/{}", created.body["generation_id"].as_str().unwrap()));
    let found = merchant.get(location).await;
    assert_eq!(found.status, 200);
    for member in ["generation_id", "images", "remaining_coins"] {
        assert_eq!(found.body[member], created.body[member], "{member}");
    }
    let expected = json!(["succeeded", "image-to-image", "fal-ai/flux-2/lora/edit", "a bag", 1, null]);
    let members = ["status", "generation_mode", "model", "prompt", "coins", "error_code"];
    assert_eq!(Value::from(members.map(|member| found.body[member].clone()).to_vec()), expected);
    let list = merchant.get(LIST).await;
    assert_eq!(list.body, json!({"generations": [found.body], "next_cursor": null}));
}

#[tokio::test]
async fn pages_list_every_generation_newest_first() {
    let (_potret, merchant) = Potret::with_merchant(9).await;
    for number in 1..=7 {
        assert_eq!(merchant.generate(&json!({"prompt": number.to_string()})).await.status, 200);
    }
    let mut path = format!("{LIST}?limit=3");
    let mut pages = Vec::new();
    loop {
        let page = merchant.get(&path).await;
        pages.push(prompts(&page).join(" "));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("{LIST}?limit=3&cursor={cursor}");
    }
    assert_eq!(pages, ["7 6 5", "4 3 2", "1"]);
}

#[tokio::test]
async fn failed_and_running_generations_are_listed_and_cost_nothing() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_millis(500)).with_merchant(5).await;
    potret.fal_fails_once(Fault::ContentPolicyViolation, 0);
    merchant.generate(&A_PROMPT).await;
    let (_, list) = tokio::join!(merchant.generate(&A_PROMPT), async {
        potret.fal_receives(3).await;
        merchant.get(LIST).await
    });
    for (index, status, error_code) in [(0, "pending", Value::Null), (1, "failed", json!("content_rejected"))]
    {
        let listed = &list.body["generations"][index];
        assert_eq!((&listed["status"], &listed["error_code"]), (&json!(status), &error_code));
        assert_eq!((&listed["coins"], &listed["images"]), (&json!(0), &json!([])), "{status}");
    }
    assert_eq!(prompts(&list).len(), 2);
}

#[tokio::test]
async fn another_users_generations_are_not_found_and_cursors_are_refused() {
    let potret = Potret::start().await;
    let (one, two) = (potret.user_with("one", 5).await, potret.user_with("two", 5).await);
    let location = one.generate(&A_PROMPT).await.header("location").expect("a location").to_owned();
    one.generate(&A_PROMPT).await;
    assert_eq!(two.get(&location).await.problem(), (404, "not_found"));
    assert!(prompts(&two.get(LIST).await).is_empty());
    let page = one.get(&format!("{LIST}?limit=1")).await;
    let with_cursor = format!("{LIST}?cursor={}", page.body["next_cursor"].as_str().expect("a cursor"));
    assert_eq!(one.get(&with_cursor).await.status, 200);
    let refused = two.get(&with_cursor).await;
    assert_eq!(refused.problem(), (422, "invalid_request"));
    assert_eq!(refused.body["errors"][0]["parameter"], "cursor");
}

#[tokio::test]
async fn invalid_ids_are_not_found_and_invalid_parameters_are_refused() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    for id in ["00000000-0000-0000-0000-000000000000", "no-id", "a%00b"] {
        assert_eq!(merchant.get(&format!("{LIST}/{id}")).await.problem(), (404, "not_found"), "{id}");
    }
    for (parameter, value) in
        [("cursor", "AAAA"), ("limit", "0"), ("limit", "101"), ("limit", "many"), ("limit", "-1")]
    {
        let refused = merchant.get(&format!("{LIST}?{parameter}={value}")).await;
        assert_eq!(refused.problem(), (422, "invalid_request"), "{parameter}={value}");
        assert_eq!(refused.body["errors"][0]["parameter"], parameter);
    }
}
