//! What the tables really hold of a user, in the model's terms. It shares no code with the ledger.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use common::coins::Coins;
use common::generations::Generation;
use common::identity::UserId;
use common::ledger::Hold;
use common::tables::Tables;
use model::Scenario;
use model::state::{self, Attempt, Entry, Items};
use serde_json::Value;

/// A number of coins as the model has it.
pub fn small(coins: Coins) -> i8 {
    i8::try_from(coins.count()).expect("few coins")
}

/// Makes the row of a user who had coins before there was a ledger.
pub async fn import(client: &Client, tables: &Tables, user: &UserId, coins: i8) {
    let put = client.put_item().table_name(tables.profiles.name());
    let put = put.item("user_id", AttributeValue::S(user.to_string()));
    put.item("coins_balance", AttributeValue::N(coins.to_string())).send().await.expect("a row");
}

/// Reads everything of `user`, whose attempts are these.
pub async fn read(
    client: &Client,
    tables: &Tables,
    user: &UserId,
    attempts: &[Generation],
    scenario: &Scenario,
) -> Items {
    let mut items = Items::default();
    for profile in rows_of(user, client.query().table_name(tables.profiles.name())).await {
        items.profile = read_profile(&profile, attempts);
    }
    for row in rows_of(user, client.query().table_name(tables.generations.name())).await {
        let attempt = find(attempts, |attempt| row["attempt_id"] == attempt.attempt_id.to_string());
        let pending = &attempts[attempt.index()];
        assert_eq!(row["generation_id"], pending.generation_id.to_string(), "it lies under its key");
        items.generations[scenario.request(attempt).key] = Some(read_generation(&row, attempt, scenario));
    }
    let ledger = client.query().table_name(tables.ledger.name()).index_name("by_user");
    for row in rows_of(user, ledger).await {
        let entry = Entry { delta: number(&row, "delta").expect("a delta"), balance: balance(&row) };
        match row["entry_id"].as_str().and_then(|id| id.strip_prefix("charge#")) {
            Some(id) => {
                let attempt = find(attempts, |attempt| id == attempt.attempt_id.to_string());
                items.charges[attempt.index()] = Some(entry);
            }
            None => items.top_ups[0] = Some(entry),
        }
    }
    items
}

async fn rows_of(user: &UserId, query: QueryFluentBuilder) -> Vec<Value> {
    let query = query.key_condition_expression("user_id = :user");
    let query = query.expression_attribute_values(":user", AttributeValue::S(user.to_string()));
    let items = query.send().await.expect("an answer").items.unwrap_or_default();
    serde_dynamo::from_items(items).expect("rows")
}

fn read_profile(row: &Value, attempts: &[Generation]) -> state::Profile {
    let (balance, available) = (number(row, "coins_balance"), number(row, "coins_available"));
    let mut profile = state::Profile { balance, available, ..Default::default() };
    let found: BTreeSet<_> = row["holds"].as_array().into_iter().flatten().map(Value::to_string).collect();
    for text in found {
        profile.holds.insert(find(attempts, |attempt| text == format!("\"{}\"", Hold::of(attempt))));
    }
    profile
}

fn read_generation(row: &Value, attempt: Attempt, scenario: &Scenario) -> state::Generation {
    let status = match row["status"].as_str() {
        Some("PENDING") => state::Status::Pending,
        Some("SUCCEEDED") => state::Status::Succeeded,
        Some("FAILED") => state::Status::Failed,
        Some("EXPIRED") => state::Status::Expired,
        other => panic!("{other:?} is no status"),
    };
    let body = scenario.request(attempt).body;
    assert_eq!(row["body_hash"], format!("body-{body}"), "it has its attempt's body");
    state::Generation { attempt, body, status, remaining: number(row, "remaining_coins") }
}

fn find(attempts: &[Generation], is_it: impl Fn(&Generation) -> bool) -> Attempt {
    let index = attempts.iter().position(is_it).expect("one of the walk's attempts");
    Attempt(u8::try_from(index).expect("few attempts"))
}

fn balance(entry: &Value) -> i8 {
    number(entry, "coins_balance").expect("the balance after it")
}

fn number(row: &Value, name: &str) -> Option<i8> {
    row[name].as_i64().map(|number| i8::try_from(number).expect("few coins"))
}
