//! The audit of coins: reads the tables, writes nothing, and reports what breaks the promises of the ledger.
//!
//! It is written from the promises and shares no code with the ledger. It may run beside a working service:
//! every transition of coins writes its user's profile, so if the profile is the same before and after,
//! everything that was read in between belongs to one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use common::tables::Tables;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::sleep;

pub use rules::{Books, recent_failures, violations};

mod rules;

/// How many users' books are read at the same time.
const AT_ONCE: usize = 8;

/// How often a user's books are read when something seems wrong. The ledger's index lags behind the table a
/// little, and the profile of a busy user may change between two readings.
const READINGS: u32 = 5;

/// The pause before the next reading.
const PAUSE: Duration = Duration::from_millis(400);

/// The result of an audit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many users were audited.
    pub users: usize,
    /// By user.
    pub violations: BTreeMap<String, Vec<String>>,
    /// How many failures of the last 24 hours fal may bill, of each user who has any.
    pub failures: BTreeMap<String, usize>,
}

/// Audits every user in `tables`.
///
/// # Errors
///
/// When a table cannot be read.
pub async fn audit(client: &Client, tables: &Tables) -> anyhow::Result<Report> {
    let mut users = BTreeSet::new();
    for table in [tables.profiles.name(), tables.generations.name(), tables.ledger.name()] {
        users.extend(users_in(client, table).await.with_context(|| format!("cannot read {table}"))?);
    }
    let audited = stream::iter(&users).map(|user| async move {
        let found = audit_user(client, tables, user).await;
        found.map(|found| (user.clone(), found)).with_context(|| format!("cannot read the books of {user}"))
    });
    let audited: Vec<_> = audited.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut report = Report { users: users.len(), ..Report::default() };
    for (user, (violations, failures)) in audited {
        if failures > 0 {
            report.failures.insert(user.clone(), failures);
        }
        if !violations.is_empty() {
            report.violations.insert(user, violations);
        }
    }
    Ok(report)
}

/// The user's violations, and the failures of the last 24 hours that fal may bill.
async fn audit_user(client: &Client, tables: &Tables, user: &str) -> anyhow::Result<(Vec<String>, usize)> {
    let (mut found, mut failures) = (Vec::new(), 0);
    for reading in 0..READINGS {
        if reading > 0 {
            sleep(PAUSE).await;
        }
        let before = profile(client, tables, user).await?;
        let books = Books {
            generations: of_user(client, tables.generations.name(), None, user).await?,
            ledger: of_user(client, tables.ledger.name(), Some("by_user"), user).await?,
            profile: before,
        };
        failures = recent_failures(&books.profile, Timestamp::now());
        if books.profile == profile(client, tables, user).await? {
            found = violations(&books, Timestamp::now());
            if found.is_empty() {
                break;
            }
        } else {
            found = vec!["the profile kept changing while it was read; audit again".to_owned()];
        }
    }
    Ok((found, failures))
}

async fn users_in(client: &Client, table: &str) -> anyhow::Result<BTreeSet<String>> {
    let scan = client.scan().table_name(table).projection_expression("user_id").consistent_read(true);
    let items: Vec<_> = scan.into_paginator().items().send().try_collect().await?;
    let ids = items.into_iter().filter_map(|item| item.get("user_id")?.as_s().ok().cloned());
    Ok(ids.collect())
}

async fn profile(client: &Client, tables: &Tables, user: &str) -> anyhow::Result<Value> {
    let key = AttributeValue::S(user.to_owned());
    let get = client.get_item().table_name(tables.profiles.name()).key("user_id", key).consistent_read(true);
    Ok(get.send().await?.item.map(serde_dynamo::from_item).transpose()?.unwrap_or_default())
}

/// All of a user's items in a table, or in its `index`, which cannot be read consistently.
async fn of_user(
    client: &Client,
    table: &str,
    index: Option<&str>,
    user: &str,
) -> anyhow::Result<Vec<Value>> {
    let query = client
        .query()
        .table_name(table)
        .set_index_name(index.map(str::to_owned))
        .consistent_read(index.is_none())
        .key_condition_expression("user_id = :user")
        .expression_attribute_values(":user", AttributeValue::S(user.to_owned()));
    let items: Vec<_> = query.into_paginator().items().send().try_collect().await?;
    Ok(serde_dynamo::from_items(items)?)
}
