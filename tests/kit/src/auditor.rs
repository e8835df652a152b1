//! The auditor: it checks the promises of docs/reliability.md on raw items, without any of the ledger's code.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use operate::audit::Books;
use serde_json::Value;

use crate::merchants::{Asked, Paid};

mod responses;
mod states;

/// The items of the three tables at one moment, as plain JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    pub profiles: Vec<Value>,
    pub generations: Vec<Value>,
    pub ledger: Vec<Value>,
}

impl Snapshot {
    fn generation(&self, user: &str, id: &str) -> Option<&Value> {
        self.generations.iter().find(|row| row["user_id"] == user && row["generation_id"] == id)
    }

    fn profile(&self, user: &str) -> Option<&Value> {
        self.profiles.iter().find(|row| row["user_id"] == user)
    }

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
}

/// What the tables said of a user at one moment, as far as responses depend on it.
#[derive(Debug, Clone)]
struct Moment {
    at: Timestamp,
    balance: u64,
    available: u64,
    running: usize,
    /// The failures that fal may bill.
    failures: usize,
    /// The prompts of the pending generations.
    pending: BTreeSet<String>,
}

/// Sees every request and response, and the tables: after every write, or only at the end.
#[derive(Debug)]
pub struct Auditor {
    budget: usize,
    violations: Vec<String>,
    before: Snapshot,
    moments: BTreeMap<String, Vec<Moment>>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) paid: Vec<Paid>,
}

impl Auditor {
    /// An auditor of a service with such a budget of failures that fal may bill, for each user.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            violations: Vec::new(),
            before: Snapshot::default(),
            moments: BTreeMap::new(),
            asked: Vec::new(),
            paid: Vec::new(),
        }
    }

    /// Adds a request for a batch and its response.
    pub fn asked(&mut self, asked: Asked) {
        self.asked.push(asked);
    }

    /// Adds a try to credit a payment.
    pub fn paid(&mut self, paid: Paid) {
        self.paid.push(paid);
    }

    /// Adds a violation that something else found.
    pub fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    /// All violations, now that nothing runs any more and no lease is left.
    pub fn close(&mut self, end: &Snapshot) -> Vec<String> {
        self.check_responses(end);
        self.check_payments(end);
        for profile in end.profiles.iter().filter(|profile| !states::holds(profile).is_empty()) {
            self.violated(format!("coins are held for ever: {profile}"));
        }
        std::mem::take(&mut self.violations)
    }

    /// What was answered, counted.
    pub fn figures(&self) -> BTreeMap<String, u64> {
        let responses = self.asked.iter().map(|asked| match &asked.response {
            Some(response) => format!("response: {} {}", response.status, response.code()),
            None => "response: none".to_owned(),
        });
        let payments = self.paid.iter().map(|paid| match paid.confirmation {
            Some(_) => "payment: confirmed".to_owned(),
            None => "payment: not confirmed".to_owned(),
        });
        let mut figures = BTreeMap::new();
        for figure in responses.chain(payments) {
            *figures.entry(figure).or_default() += 1;
        }
        figures
    }
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}

/// The prompt that went to fal for a generation.
fn prompt_of(generation: &Value) -> String {
    let payload = text(&generation["job"], "payload");
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    text(&payload, "prompt").to_owned()
}
