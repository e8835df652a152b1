//! The playground as a program sees it. What a person does on it is tried in a browser: `tests/browser`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Potret, Setup};

/// Looks like an address and is a name.
const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";

async fn get(potret: &Potret, path: &str) -> Answer {
    Answer::of(potret.http.get(potret.url(path))).await
}

#[tokio::test]
async fn the_page_is_served_at_the_root_under_a_strict_policy() {
    let potret = Potret::start().await;
    let page = get(&potret, "/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    let s3 = potret.stack.s3.endpoint().origin().ascii_serialization();
    assert!(policy.contains(&format!("connect-src 'self' {s3};")), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("https:"), "{policy}");
}

#[tokio::test]
async fn everything_that_the_page_loads_is_there_and_nothing_comes_from_elsewhere() {
    let potret = Potret::start().await;
    let mut to_load = vec!["/".to_owned()];
    let mut loaded = Vec::new();
    while let Some(path) = to_load.pop() {
        let file = get(&potret, &path).await;
        assert_eq!(file.status, 200, "{path}");
        let content_type = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(file.header("content-type"), Some(content_type), "{path}");
        for quoted in file.text.split(['"', '\'']) {
            let is_elsewhere = quoted.starts_with("http") && quoted.contains("://");
            assert!(!is_elsewhere || quoted == SVG_NAMESPACE, "{path}: {quoted}");
            let named = match quoted.strip_prefix("./") {
                Some(module) => format!("/_local/playground/{module}"),
                None => quoted.to_owned(),
            };
            let is_file = named.starts_with("/_local/playground/");
            if is_file && !loaded.contains(&named) && !to_load.contains(&named) {
                to_load.push(named);
            }
        }
        loaded.push(path);
    }
    assert!(loaded.len() > 15, "{loaded:?}");
    assert_eq!(get(&potret, "/_local/playground/../mod.rs").await.status, 404);
}

#[tokio::test]
async fn a_session_is_a_token_that_the_api_takes_and_what_is_true_of_the_stack() {
    let potret = Setup::default()
        .setting("IMAGE_TO_IMAGE_MODEL", "fal-ai/flux-general/image-to-image")
        .setting("COINS_PER_BATCH", "3")
        .start()
        .await;
    let session = get(&potret, "/_local/session?user=Siti%20%26%20Co").await;
    assert_eq!(session.header("cache-control"), Some("no-store"));
    let token = session.body["token"].as_str().expect("a token");
    let coins = potret.http.get(potret.url("/api/coin-balance")).bearer_auth(token);
    assert_eq!(
        Answer::of(coins).await.body,
        json!({"user_id": "Siti & Co", "coins_balance": 0, "coins_available": 0})
    );
    assert_eq!(session.body["fal"], json!({"kind": "double", "control": "/_local/fal/_control"}));
    assert_eq!(session.body["coins_per_batch"], 3);
    assert_eq!(
        session.body["photos"],
        json!({
            "model": "fal-ai/flux-general/image-to-image", "most_sent": 1, "most_accepted": 20,
            "inline_bytes": 4_194_304, "inline_bytes_together": 4_521_984,
            "upload_bytes": 20_971_520, "pixels": 40_000_000,
        })
    );
}

#[tokio::test]
async fn without_a_name_the_demo_user_signs_in_and_an_unusable_name_is_refused() {
    let potret = Potret::start().await;
    assert_eq!(get(&potret, "/_local/session").await.body["user_id"], "demo");
    let refused = get(&potret, "/_local/session?user=%20").await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.body["detail"].as_str().expect("a text").starts_with("The user must be"),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn another_fal_is_named_and_has_no_faults_to_offer() {
    let potret =
        Setup::default().setting("FAL_BASE_URL", "http://someone:secret@127.0.0.1:9/fal").start().await;
    let fal = get(&potret, "/_local/session").await.body["fal"].clone();
    assert_eq!(fal, json!({"kind": "server", "host": "127.0.0.1"}));
    let policy = get(&potret, "/").await.header("content-security-policy").map(str::to_owned);
    assert!(policy.expect("a policy").contains("img-src 'self' blob: data: http: https:;"));
}

#[tokio::test]
async fn a_foreign_page_gets_neither_a_token_nor_coins() {
    let potret = Potret::start().await;
    let session = |header: &'static str, value: &'static str| {
        Answer::of(potret.http.get(potret.url("/_local/session")).header(header, value))
    };
    for (header, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("host", "evil.example")]
    {
        let refused = session(header, value).await;
        assert_eq!((refused.status, refused.body.get("token")), (403, None), "{header}");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    let add_coins = potret.http.post(potret.url("/2015-03-31/functions/add-coins/invocations"));
    let event = json!({"user_id": "demo", "coins": 5, "reference": "p1"}).to_string();
    let refused =
        add_coins.header("origin", "https://evil.example").body(event).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(potret.user("demo").coins().await, (0, 0));
}

#[tokio::test]
async fn nothing_of_the_playground_is_a_route_that_is_deployed() {
    let potret = Potret::start().await;
    let paths: Vec<_> = potret.stack.resources.routes.iter().map(|route| route.path.as_str()).collect();
    assert!(paths.iter().all(|path| path.starts_with("/api/")), "{paths:?}");
    let template = include_str!("../../template.yaml");
    assert!(!template.contains("_local") && !template.contains("playground"));
    let unknown: Value = get(&potret, "/_local/other").await.body;
    assert_eq!(unknown, json!({"message": "Not Found"}), "the gateway answers what is not of the page");
    let posted = potret.http.request(Method::POST, potret.url("/")).send().await.expect("an answer");
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}
