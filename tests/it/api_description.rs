//! `GET /api/openapi.json`, and the page that shows it.

use crate::description::DESCRIPTION;
use crate::harness::Potret;

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
    let script = potret.get("/docs/docs.js").await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert!(script.text.contains("/api/openapi.json"), "{}", script.text);
    let text = page.text + &script.text.replace('\'', "\"");
    let quoted = text.split('"').skip(1).step_by(2).filter(|text| text.starts_with(['/', 'h']));
    for address in quoted {
        assert!(address.starts_with('/'), "{address} is on another server");
        let file = potret.get(address).await;
        assert!(file.status == 200 && !file.text.is_empty(), "{address}: {}", file.status);
    }
    assert_eq!(potret.get("/docs/no-such-file").await.status, 404);
}
