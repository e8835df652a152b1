//! An auditor of coins, written from the rules and sharing no code with the ledger.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use common::config::Tables;
use serde_json::Value;

/// Every breach of the invariants in the tables, in words; for a stack in which nothing is running.
pub async fn audit(client: &Client, tables: &Tables) -> Vec<String> {
    let profiles = rows(client, &tables.profiles).await;
    let generations = rows(client, &tables.generations).await;
    let ledger = rows(client, &tables.ledger).await;
    let mut violations = Vec::new();

    let mut holds_of_pending = BTreeSet::new();
    for generation in &generations {
        let id = (text(generation, "user_id"), text(generation, "attempt_id"));
        let charged = ledger.iter().any(|entry| text(entry, "entry_id") == format!("charge#{}", id.1));
        let succeeded = text(generation, "status") == "SUCCEEDED";
        if charged != succeeded {
            violations.push(format!("{generation} is charged: {charged}"));
        }
        if succeeded && generation["images"].as_array().map(Vec::len) != Some(2) {
            violations.push(format!("{generation} has no two images"));
        }
        if text(generation, "status") == "PENDING" {
            holds_of_pending.insert(id);
        }
    }

    let mut deltas: BTreeMap<String, i64> = BTreeMap::new();
    for entry in &ledger {
        *deltas.entry(text(entry, "user_id")).or_default() += number(entry, "delta").expect("a delta");
    }

    let mut holds_found = BTreeSet::new();
    for profile in &profiles {
        let user = text(profile, "user_id");
        let balance = number(profile, "coins_balance").unwrap_or_default();
        let available = number(profile, "coins_available").unwrap_or(balance);
        let mut held = 0;
        for hold in profile["holds"].as_array().into_iter().flatten() {
            let parts: Vec<_> = hold.as_str().expect("a text").split('#').collect();
            held += parts[2].parse::<i64>().expect("coins");
            holds_found.insert((user.clone(), parts[1].to_owned()));
        }
        if !(0 <= available && available <= balance) || balance - available != held {
            violations.push(format!("{user}: balance {balance}, available {available}, held {held}"));
        }
        let sum = deltas.get(&user).copied().unwrap_or_default();
        if balance != sum {
            violations.push(format!("{user}: balance {balance}, but the ledger sums to {sum}"));
        }
    }
    if holds_found != holds_of_pending {
        violations.push(format!("holds {holds_found:?}, but pending attempts {holds_of_pending:?}"));
    }
    violations
}

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

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

fn number(row: &Value, name: &str) -> Option<i64> {
    row[name].as_i64()
}
