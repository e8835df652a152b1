//! Problems in the caller's language.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Potret};

#[tokio::test]
async fn title_and_detail_follow_accept_language_and_the_code_does_not() {
    let potret = Potret::start().await;
    let merchant = potret.user("without-coins");
    let refused = async |language: &str| {
        let request = merchant.request(Method::POST, "/api/generate-image").json(&json!({"prompt": "a bag"}));
        Answer::of(request.header("accept-language", language)).await
    };
    for (header, language, title, detail) in [
        (
            "id-ID,id;q=0.9,en;q=0.8",
            "id",
            "Koin tidak cukup",
            "Koin Anda tidak cukup untuk pembuatan gambar ini.",
        ),
        ("en", "en", "Not enough coins", "You do not have enough coins for this batch."),
        ("ja", "en", "Not enough coins", "You do not have enough coins for this batch."),
    ] {
        let answer = refused(header).await;
        assert_eq!(answer.problem(), (403, "insufficient_coins"), "{header}");
        assert_eq!(
            (answer.body["title"].as_str(), answer.body["detail"].as_str()),
            (Some(title), Some(detail))
        );
        assert_eq!(
            (answer.header("content-language"), answer.header("vary")),
            (Some(language), Some("accept-language"))
        );
    }
}

#[tokio::test]
async fn what_a_problem_is_about_is_named_in_both_languages() {
    let potret = Potret::start().await;
    let merchant = potret.user("merchant");
    let broken = async |language: &str| {
        let request =
            merchant.request(Method::POST, "/api/generate-image").header("content-type", "application/json");
        let answer = Answer::of(request.header("accept-language", language).body("{\n\n x")).await;
        answer.body["detail"].as_str().expect("a text").to_owned()
    };
    assert_eq!(broken("en").await, "The body is not JSON: see line 3.");
    assert_eq!(broken("id").await, "Isi permintaan bukan JSON: lihat baris 3.");
}
