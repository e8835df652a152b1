//! The playground over HTTP. `tests/browser` uses it as a person does, in a browser, and checks the files that
//! the page loads.

use serde_json::json;

use crate::harness::{Potret, Response, Setup};

#[tokio::test]
async fn the_page_is_served_at_the_root_under_a_strict_policy() {
    let potret = Potret::start().await;
    let page = potret.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    let s3 = potret.stack.s3.endpoint().origin().ascii_serialization();
    assert!(policy.contains(&format!("connect-src 'self' {s3};")), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("https:"), "{policy}");
}

#[tokio::test]
async fn a_session_has_a_token_that_the_api_accepts_and_the_settings_of_the_stack() {
    let model = "fal-ai/flux-general/image-to-image";
    let setup = Setup::default().setting("IMAGE_TO_IMAGE_MODEL", model).setting("COINS_PER_BATCH", "3");
    let potret = setup.start().await;
    let session = potret.get("/_local/session?user=Siti%20%26%20Co").await;
    assert_eq!(session.header("cache-control"), Some("no-store"));
    let token = session.body["token"].as_str().expect("a token");
    let coins = potret.http.get(potret.url("/api/coin-balance")).bearer_auth(token);
    let balance = json!({"user_id": "Siti & Co", "coins_balance": 0, "coins_available": 0});
    assert_eq!(Response::to(coins).await.body, balance);
    assert_eq!(session.body["fal"], json!({"kind": "double", "control": "/_local/fal/_control"}));
    assert_eq!(session.body["coins_per_batch"], 3);
    let photos = json!({
        "model": model, "most_sent": 1, "most_accepted": 20, "inline_bytes": 4_194_304,
        "inline_bytes_together": 4_521_984, "upload_bytes": 20_971_520, "pixels": 40_000_000,
    });
    assert_eq!(session.body["photos"], photos);
}

#[tokio::test]
async fn the_default_session_is_the_demo_users_and_an_invalid_name_is_refused() {
    let potret = Potret::start().await;
    assert_eq!(potret.get("/_local/session").await.body["user_id"], "demo");
    let refused = potret.get("/_local/session?user=%20").await;
    assert_eq!(refused.status, 422);
    let detail = refused.body["detail"].as_str().expect("a text");
    assert!(detail.starts_with("The user must be"), "{detail}");
}

#[tokio::test]
async fn a_session_with_another_fal_shows_its_host_without_the_password_and_offers_no_faults() {
    let setup = Setup::default().setting("FAL_BASE_URL", "http://someone:secret@127.0.0.1:9/fal");
    let potret = setup.start().await;
    let fal = potret.get("/_local/session").await.body["fal"].clone();
    assert_eq!(fal, json!({"kind": "server", "host": "127.0.0.1"}));
    let policy = potret.get("/").await.header("content-security-policy").map(str::to_owned);
    assert!(policy.expect("a policy").contains("img-src 'self' blob: data: http: https:;"));
}

#[tokio::test]
async fn the_playground_is_not_deployed() {
    let potret = Potret::start().await;
    let paths: Vec<_> = potret.stack.resources.routes.iter().map(|route| route.path.as_str()).collect();
    assert!(paths.iter().all(|path| path.starts_with("/api/")), "{paths:?}");
    let template = include_str!("../../template.yaml");
    assert!(!template.contains("_local") && !template.contains("playground"));
    let unknown = potret.get("/_local/other").await.body;
    assert_eq!(unknown, json!({"message": "Not Found"}), "the response of the gateway");
    assert_eq!(Response::to(potret.http.post(potret.url("/"))).await.status, 405);
}
