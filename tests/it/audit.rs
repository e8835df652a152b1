//! The raw items of a table, for tests that look behind the API. The invariants of coins are checked by the same
//! audit as operators run.

use aws_sdk_dynamodb::Client;
use serde_json::Value;

/// All items of a table.
pub async fn rows(client: &Client, table: &str) -> Vec<Value> {
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().send();
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        let items = page.expect("a page").items.unwrap_or_default();
        rows.extend(
            items.into_iter().map(|item| serde_dynamo::from_item::<_, Value>(item).expect("an item")),
        );
    }
    rows
}
