//! `GET /api/generations` and `GET /api/generations/{generation_id}`.

use fal_double::Fault;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Potret, Setup, User, a_prompt};
use crate::pictures;

async fn get(user: &User<'_>, path: &str) -> Answer {
    Answer::of(user.request(Method::GET, path)).await
}

/// The prompts of a page.
fn prompts(page: &Answer) -> Vec<&str> {
    let generations = page.body["generations"].as_array().expect("generations").iter();
    generations.map(|generation| generation["prompt"].as_str().expect("a prompt")).collect()
}

#[tokio::test]
async fn a_lost_answer_is_found_again() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 5).await;
    let answer = merchant.generate(&json!({"prompt": "a bag", "face_image": pictures::png()})).await;
    let location = answer.header("location").expect("a location");
    assert_eq!(location, format!("/api/generations/{}", answer.body["generation_id"].as_str().unwrap()));
    let one = get(&merchant, location).await;
    assert_eq!(one.status, 200);
    for member in ["generation_id", "images", "remaining_coins"] {
        assert_eq!(one.body[member], answer.body[member], "{member}");
    }
    let expected = json!(["succeeded", "image-to-image", "fal-ai/flux-2/lora/edit", "a bag", 1, null]);
    let members = ["status", "generation_mode", "model", "prompt", "coins", "error_code"];
    assert_eq!(Value::from(members.map(|member| one.body[member].clone()).to_vec()), expected);
    let list = get(&merchant, "/api/generations").await;
    assert_eq!(list.body, json!({"generations": [one.body], "next_cursor": null}));
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_and_miss_nothing() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 9).await;
    for number in 1..=7 {
        assert_eq!(merchant.generate(&json!({"prompt": number.to_string()})).await.status, 200);
    }
    let mut path = "/api/generations?limit=3".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = get(&merchant, &path).await;
        pages.push(prompts(&page).join(" "));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("/api/generations?limit=3&cursor={cursor}");
    }
    assert_eq!(pages, ["7 6 5", "4 3 2", "1"]);
}

#[tokio::test]
async fn failed_and_running_ones_are_listed_and_cost_nothing() {
    let potret = Setup::default().fal_takes(std::time::Duration::from_millis(500)).start().await;
    let merchant = potret.user_with("merchant", 5).await;
    potret.fal_fails_once(Fault::ContentPolicyViolation, 0);
    merchant.generate(&a_prompt()).await;
    let prompt = a_prompt();
    let (_, list) = tokio::join!(merchant.generate(&prompt), async {
        while potret.fal().requests().len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        get(&merchant, "/api/generations").await
    });
    let member = |name: &str| -> Vec<_> {
        (0..2).map(|index| list.body["generations"][index][name].clone()).collect()
    };
    assert_eq!(member("status"), ["pending", "failed"]);
    assert_eq!(member("error_code"), [Value::Null, json!("content_rejected")]);
    assert_eq!((member("coins"), member("images")), (vec![json!(0); 2], vec![json!([]); 2]));
}

#[tokio::test]
async fn another_users_generations_and_cursors_are_of_no_use() {
    let potret = Potret::start().await;
    let (one, two) = (potret.user_with("one", 5).await, potret.user_with("two", 5).await);
    let location = one.generate(&a_prompt()).await.header("location").expect("a location").to_owned();
    one.generate(&a_prompt()).await;
    assert_eq!(get(&two, &location).await.problem(), (404, "not_found"));
    for id in ["00000000-0000-0000-0000-000000000000", "no-id", "a%00b"] {
        assert_eq!(get(&one, &format!("/api/generations/{id}")).await.problem(), (404, "not_found"), "{id}");
    }
    assert_eq!(prompts(&get(&two, "/api/generations").await), Vec::<&str>::new());
    let page = get(&one, "/api/generations?limit=1").await;
    let cursor = page.body["next_cursor"].as_str().expect("a cursor");
    assert_eq!(get(&one, &format!("/api/generations?cursor={cursor}")).await.status, 200);
    let stolen = get(&two, &format!("/api/generations?cursor={cursor}")).await;
    assert_eq!(
        (stolen.problem(), &stolen.body["errors"][0]["parameter"]),
        ((422, "invalid_request"), &json!("cursor"))
    );
    for (parameter, value) in
        [("cursor", "AAAA"), ("limit", "0"), ("limit", "101"), ("limit", "many"), ("limit", "-1")]
    {
        let refused = get(&one, &format!("/api/generations?{parameter}={value}")).await;
        assert_eq!(refused.problem(), (422, "invalid_request"), "{parameter}={value}");
        assert_eq!(refused.body["errors"][0]["parameter"], parameter);
    }
    let anonymous = Answer::of(potret.http.get(potret.url("/api/generations"))).await;
    assert_eq!(anonymous.status, 401);
}
