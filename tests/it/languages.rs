//! Problems in the caller's language.

use reqwest::Method;

use crate::harness::{Potret, Response};

/// Sends `body` to generate-image for a user without coins, with this `Accept-Language`.
async fn refused(potret: &Potret, language: &str, body: &'static str) -> Response {
    let request = potret.user("without-coins").request(Method::POST, "/api/generate-image");
    let request = request.header("content-type", "application/json").header("accept-language", language);
    Response::to(request.body(body)).await
}

#[tokio::test]
async fn title_and_detail_follow_accept_language_and_the_code_does_not() {
    let potret = Potret::start().await;
    let english = ("en", "Not enough coins", "You do not have enough coins for this batch.");
    let indonesian = ("id", "Koin tidak cukup", "Koin Anda tidak cukup untuk pembuatan gambar ini.");
    for (header, (language, title, detail)) in
        [("id-ID,id;q=0.9,en;q=0.8", indonesian), ("en", english), ("ja", english)]
    {
        let response = refused(&potret, header, r#"{"prompt": "a bag"}"#).await;
        assert_eq!(response.problem(), (403, "insufficient_coins"), "{header}");
        assert_eq!((&response.body["title"], &response.body["detail"]), (&title.into(), &detail.into()));
        assert_eq!(response.header("content-language"), Some(language));
        assert_eq!(response.header("vary"), Some("accept-language"));
    }
}

#[tokio::test]
async fn a_detail_names_the_faulty_line_in_both_languages() {
    let potret = Potret::start().await;
    for (language, detail) in
        [("en", "The body is not JSON: see line 3."), ("id", "Isi permintaan bukan JSON: lihat baris 3.")]
    {
        assert_eq!(refused(&potret, language, "{\n\n x").await.body["detail"], detail);
    }
}
