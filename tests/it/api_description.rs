//! `GET /api/openapi.json`, and the page that shows it.

use reqwest::header::IF_NONE_MATCH;

use crate::description::DESCRIPTION;
use crate::harness::{Answer, Potret};

#[tokio::test]
async fn anybody_may_read_the_description_and_keep_it_for_an_hour() {
    let potret = Potret::start().await;
    let url = potret.url("/api/openapi.json");
    let answer = Answer::of(potret.http.get(&url)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("public, max-age=3600")));
    assert_eq!(answer.body, *DESCRIPTION);
    let again = potret.http.get(&url).header(IF_NONE_MATCH, &answer.headers["etag"]);
    let again = Answer::of(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn the_page_needs_nothing_from_another_server() {
    let potret = Potret::start().await;
    let page = Answer::of(potret.http.get(potret.url("/docs"))).await;
    assert!(page.text.contains("/api/openapi.json"), "{}", page.text);
    let quoted = page.text.split('"').skip(1).step_by(2).filter(|text| text.starts_with(['/', 'h']));
    for address in quoted {
        assert!(address.starts_with('/'), "{address} is not here");
        let file = Answer::of(potret.http.get(potret.url(address))).await;
        assert!(file.status == 200 && !file.text.is_empty(), "{address}: {}", file.status);
    }
    assert_eq!(Answer::of(potret.http.get(potret.url("/docs/no-such-file"))).await.status, 404);
}

#[tokio::test]
async fn the_page_is_signed_in_as_the_demo_user() {
    let potret = Potret::start().await;
    let page = Answer::of(potret.http.get(potret.url("/docs"))).await;
    let token = page.text.split('"').find(|text| text.starts_with("eyJ")).expect("a token");
    let balance = potret.http.get(potret.url("/api/coin-balance")).bearer_auth(token);
    assert_eq!(Answer::of(balance).await.body["user_id"], "demo");
}
