//! `GET /api/prompt-options`.

use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::harness::{Potret, Response};

const ROUTE: &str = "/api/prompt-options";

#[tokio::test]
async fn anybody_may_read_the_lists_and_cache_them_for_an_hour() {
    let potret = Potret::start().await;
    let first = potret.get(ROUTE).await;
    assert_eq!((first.status, first.header("cache-control")), (200, Some("public, max-age=3600")));
    let etag = first.headers[ETAG].to_str().unwrap();
    let if_none_match = async |known: &str| {
        Response::to(potret.http.get(potret.url(ROUTE)).header(IF_NONE_MATCH, known)).await
    };
    for known in [etag, &format!("W/{etag}"), &format!("\"other\", {etag}"), "*"] {
        let second = if_none_match(known).await;
        assert_eq!((second.status, second.text.as_str(), second.header("etag")), (304, "", Some(etag)));
    }
    assert_eq!(if_none_match("\"other\"").await.status, 200);
}

#[tokio::test]
async fn every_listed_choice_is_accepted_and_gives_the_same_prompt_in_both_languages() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    let response = potret.get(ROUTE).await;
    let lists = response.body["lists"].as_array().expect("lists");
    let fields: Vec<_> = lists.iter().map(|list| list["field"].as_str().unwrap()).collect();
    assert_eq!(fields[..4], ["content_type", "model_type", "category", "pose"]);
    let preview = async |field: &str, text: &Value| {
        let mut options = json!({"model_type": "Cartoon", "category": "Beauty"});
        options[field] = text.clone();
        let response = merchant.post("/api/prompt-preview", &json!({"options": options})).await;
        assert_eq!(response.status, 200, "{field} {text}: {}", response.body);
        response.body["prompt"].as_str().unwrap().to_owned()
    };
    for list in lists {
        let field = list["field"].as_str().unwrap();
        for choice in list["choices"].as_array().expect("choices") {
            let prompt = preview(field, &choice["value"]).await;
            assert_eq!(preview(field, &choice["labels"]["id"]).await, prompt);
        }
        if let Some(custom) = list["custom_field"].as_str() {
            assert!(preview(custom, &json!("something else")).await.contains("something else"));
        }
    }
}
