//! The raw items of a table, for tests that look behind the API.

use aws_sdk_dynamodb::Client;
use serde_json::Value;

/// All items of a table.
pub async fn rows(client: &Client, table: &str) -> Vec<Value> {
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().send();
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        let items = page.expect("a page").items.unwrap_or_default();
        rows.extend(serde_dynamo::from_items::<_, Value>(items).expect("items"));
    }
    rows
}
