//! Problems in the caller's language.

use reqwest::Method;

use crate::harness::{Potret, Response};

#[tokio::test]
async fn a_detail_follows_accept_language_and_the_code_does_not() {
    let potret = Potret::start().await;
    let english = "The body is not JSON: see line 3.";
    for (accepted, language, detail) in [
        ("id-ID,id;q=0.9,en;q=0.8", "id", "Isi permintaan bukan JSON: lihat baris 3."),
        ("en", "en", english),
        ("ja", "en", english),
    ] {
        let request = potret.user("merchant").request(Method::POST, "/api/generate-image");
        let request = request.header("content-type", "application/json").header("accept-language", accepted);
        let refused = Response::to(request.body("{\n\n x")).await;
        assert_eq!(
            (refused.problem(), &refused.body["detail"]),
            ((400, "malformed_request"), &detail.into())
        );
        assert_eq!(refused.header("content-language"), Some(language), "{accepted}");
        assert_eq!(refused.header("vary"), Some("accept-language"), "{accepted}");
    }
}
