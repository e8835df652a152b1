//! `GET /api/openapi.json`, and the page that shows it.

use crate::description::DESCRIPTION;
use crate::harness::{Potret, Response};

#[tokio::test]
async fn anybody_may_read_the_description_and_cache_it_for_an_hour() {
    let potret = Potret::start().await;
    let response = potret.get("/api/openapi.json").await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("public, max-age=3600")));
    assert_eq!(response.body, *DESCRIPTION);
}

#[tokio::test]
async fn the_page_needs_nothing_from_another_server() {
    let potret = Potret::start().await;
    let page = potret.get("/docs").await;
    assert!(page.text.contains("/api/openapi.json"), "{}", page.text);
    let quoted = page.text.split('"').skip(1).step_by(2).filter(|text| text.starts_with(['/', 'h']));
    for address in quoted {
        assert!(address.starts_with('/'), "{address} is on another server");
        let file = potret.get(address).await;
        assert!(file.status == 200 && !file.text.is_empty(), "{address}: {}", file.status);
    }
    assert_eq!(potret.get("/docs/no-such-file").await.status, 404);
}

#[tokio::test]
async fn the_page_is_signed_in_as_the_demo_user() {
    let potret = Potret::start().await;
    let page = potret.get("/docs").await;
    let token = page.text.split('"').find(|text| text.starts_with("eyJ")).expect("a token");
    let balance = potret.http.get(potret.url("/api/coin-balance")).bearer_auth(token);
    assert_eq!(Response::to(balance).await.body["user_id"], "demo");
}
