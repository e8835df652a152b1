//! The auditor: what must be true, written from the promises, on the raw items, without any of the ledger's code.

use std::collections::{BTreeMap, BTreeSet};

use dynoxide::Database;
use jiff::Timestamp;
use operate::audit::Books;
use serde_json::{Map, Value, json};

mod answers;
mod states;

pub use answers::{Asked, Paid};

/// The three tables at one moment, their items as plain JSON.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// Users and their coins.
    pub profiles: Vec<Value>,
    /// What was asked for and delivered.
    pub generations: Vec<Value>,
    /// Every change of a settled balance.
    pub ledger: Vec<Value>,
}

impl Tables {
    /// Reads all of them.
    #[must_use]
    pub fn read(database: &Database, profiles: &str, generations: &str, ledger: &str) -> Self {
        let rows = |table: &str| {
            let request = serde_json::from_value(json!({"TableName": table, "ConsistentRead": true}));
            let page = database.scan(request.expect("a scan")).expect("the table");
            let page = serde_json::to_value(page).expect("JSON");
            let items = page["Items"].as_array().cloned().unwrap_or_default();
            items.iter().map(plain_item).collect()
        };
        Self { profiles: rows(profiles), generations: rows(generations), ledger: rows(ledger) }
    }

    fn generation(&self, user: &str, id: &str) -> Option<&Value> {
        self.generations.iter().find(|row| row["user_id"] == user && row["generation_id"] == id)
    }

    fn profile(&self, user: &str) -> Option<&Value> {
        self.profiles.iter().find(|row| row["user_id"] == user)
    }

    /// Everybody who is in any of them.
    fn users(&self) -> BTreeSet<&str> {
        let all = [&self.profiles, &self.generations, &self.ledger];
        all.into_iter().flatten().map(|row| text(row, "user_id")).collect()
    }

    fn books_of(&self, user: &str) -> Books {
        let of_user = |rows: &[Value]| rows.iter().filter(|row| row["user_id"] == user).cloned().collect();
        Books {
            profile: self.profile(user).cloned().unwrap_or_default(),
            generations: of_user(&self.generations),
            ledger: of_user(&self.ledger),
        }
    }

    /// The settled coins of a user.
    #[must_use]
    pub fn balance(&self, user: &str) -> u64 {
        self.profile(user).and_then(|row| row["coins_balance"].as_u64()).unwrap_or_default()
    }
}

/// An item without DynamoDB's type tags.
fn plain_item(item: &Value) -> Value {
    let members = item.as_object().into_iter().flatten();
    Value::Object(members.map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>())
}

fn plain(tagged: &Value) -> Value {
    let Some((tag, value)) = tagged.as_object().and_then(|tagged| tagged.iter().next()) else {
        return Value::Null;
    };
    match (tag.as_str(), value) {
        ("N", Value::String(number)) => serde_json::from_str(number).unwrap_or_default(),
        ("L", Value::Array(list)) => list.iter().map(plain).collect(),
        ("M", map) => plain_item(map),
        _ => value.clone(),
    }
}

/// What the tables said of a user at some moment, as far as answers depend on it.
#[derive(Debug, Clone)]
struct Moment {
    at: Timestamp,
    balance: u64,
    available: u64,
    running: usize,
    /// The prompts of what is pending.
    pending: BTreeSet<String>,
}

/// The auditor.
#[derive(Debug, Default)]
pub struct Auditor {
    violations: Vec<String>,
    before: Tables,
    moments: BTreeMap<String, Vec<Moment>>,
    asked: Vec<Asked>,
    paid: Vec<Paid>,
}

impl Auditor {
    /// Everything that is not as promised, now that all is quiet.
    pub fn close(&mut self, tables: &Tables) -> Vec<String> {
        self.check_every_answer(tables);
        self.check_that_all_is_settled(tables);
        std::mem::take(&mut self.violations)
    }

    /// Somebody found something that is not as promised.
    pub fn violated(&mut self, what: String) {
        self.violations.push(what);
    }
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}

/// The prompt that a generation's record says was sent.
fn prompt_of(generation: &Value) -> String {
    let payload = text(&generation["job"], "payload");
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    text(&payload, "prompt").to_owned()
}
