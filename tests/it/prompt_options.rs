//! `GET /api/prompt-options`.

use reqwest::header::{ETAG, IF_NONE_MATCH};

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
