//! `GET /api/prompt-options`.

use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::harness::{Answer, Potret};

async fn lists(potret: &Potret) -> Answer {
    Answer::of(potret.http.get(potret.url("/api/prompt-options"))).await
}

#[tokio::test]
async fn anybody_may_read_the_lists_and_keep_them_for_an_hour() {
    let potret = Potret::start().await;
    let answer = lists(&potret).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("public, max-age=3600")));
    let etag = answer.headers[ETAG].to_str().unwrap();
    for known in [etag.to_owned(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let again = potret.http.get(potret.url("/api/prompt-options")).header(IF_NONE_MATCH, known);
        let again = Answer::of(again).await;
        assert_eq!((again.status, again.text.as_str(), again.header("etag")), (304, "", Some(etag)));
    }
    let other = potret.http.get(potret.url("/api/prompt-options")).header(IF_NONE_MATCH, "\"other\"");
    assert_eq!(Answer::of(other).await.status, 200);
}

#[tokio::test]
async fn whatever_is_offered_is_accepted_and_gives_the_same_prompt_in_both_languages() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    let answer = lists(&potret).await;
    let lists = answer.body["lists"].as_array().expect("lists");
    let fields: Vec<_> = lists.iter().map(|list| list["field"].as_str().unwrap()).collect();
    assert_eq!(fields[..4], ["content_type", "model_type", "category", "pose"]);
    let preview = async |field: &str, text: &Value| {
        let mut options = json!({"model_type": "Cartoon", "category": "Beauty"});
        options[field] = text.clone();
        let request = merchant.request(reqwest::Method::POST, "/api/prompt-preview");
        let answer = Answer::of(request.json(&json!({"options": options}))).await;
        assert_eq!(answer.status, 200, "{field} {text}: {}", answer.body);
        answer.body["prompt"].as_str().unwrap().to_owned()
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
