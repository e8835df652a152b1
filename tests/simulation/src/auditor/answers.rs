//! What every answer says must be so, then or at the end.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{Auditor, Moment, Tables, prompt_of, text};
use crate::lambda::Outcome;

/// A request for a batch and what came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose.
    pub user: String,
    /// Under which Idempotency-Key.
    pub key: Option<String>,
    /// The prompt, which no other request has but repeats under the same key.
    pub prompt: String,
    /// When it was sent, and when its answer came.
    pub from: Timestamp,
    /// See `from`.
    pub until: Timestamp,
    /// What came.
    pub outcome: Outcome,
}

/// A payment and what came of it.
#[derive(Debug, Clone)]
pub struct Paid {
    /// Whose.
    pub user: String,
    /// How many coins.
    pub coins: u64,
    /// The payment's id.
    pub reference: String,
    /// What came.
    pub outcome: Outcome,
}

impl Auditor {
    /// A request for a batch was answered, or never will be.
    pub fn asked(&mut self, asked: Asked) {
        self.asked.push(asked);
    }

    /// A payment was answered, or never will be.
    pub fn paid(&mut self, paid: Paid) {
        self.paid.push(paid);
    }

    /// A balance was answered: the user must have had it at some moment between.
    pub fn told_balance(&mut self, user: &str, from: Timestamp, until: Timestamp, body: &Value) {
        let told = body["coins_balance"].as_u64();
        let moments = self.moments_between(user, from, until);
        let had = moments.iter().any(|moment| Some(moment.balance) == told);
        if !had && (!moments.is_empty() || told != Some(0)) {
            self.violated(format!("{user} was told a balance of {told:?}, and had it at no time between"));
        }
    }

    pub(super) fn check_every_answer(&mut self, tables: &Tables) {
        for asked in self.asked.clone() {
            if let Err(why) = self.check_answer(&asked, tables) {
                self.violated(format!("{why}: {asked:?}"));
            }
        }
        for paid in self.paid.clone() {
            if let Err(why) = self.check_payment(&paid, tables) {
                self.violated(format!("{why}: {paid:?}"));
            }
        }
        let known: BTreeSet<_> = self.paid.iter().map(|paid| format!("topup#{}", paid.reference)).collect();
        for entry in tables.ledger.iter().filter(|entry| text(entry, "entry_id").starts_with("topup#")) {
            if !known.contains(text(entry, "entry_id")) {
                self.violated(format!("nobody paid {entry}"));
            }
        }
    }

    fn check_answer(&self, asked: &Asked, tables: &Tables) -> Result<(), &'static str> {
        let Outcome::Answer(status, body) = &asked.outcome else { return Ok(()) };
        let at_some_moment = |is_so: &dyn Fn(&Moment) -> bool| {
            let moments = self.moments_between(&asked.user, asked.from, asked.until);
            moments.is_empty() || moments.iter().any(is_so)
        };
        match (status, text(body, "code")) {
            (200, _) => check_delivery(asked, body, tables),
            (403, "insufficient_coins") => {
                let price = body["coins_required"].as_u64().unwrap_or_default();
                let short = at_some_moment(&|moment| moment.available < price);
                short.then_some(()).ok_or("refused for coins that were there all the time")
            }
            (409, "generation_in_progress") => {
                let running = at_some_moment(&|moment| moment.pending.contains(&asked.prompt));
                running.then_some(()).ok_or("told to wait for what was never running")
            }
            (429, "too_many_generations") => {
                let many = at_some_moment(&|moment| moment.running >= 4);
                many.then_some(()).ok_or("told that four are running, which they never were")
            }
            (422, "idempotency_key_reused") => {
                let same_key = |other: &&Asked| other.user == asked.user && other.key == asked.key;
                let mut others = self.asked.iter().filter(same_key);
                let other = others.any(|other| other.prompt != asked.prompt && other.from <= asked.until);
                other
                    .then_some(())
                    .ok_or("told that the key was used for another request, which it never was")
            }
            (422 | 502 | 503 | 504, _) => self.check_failure(asked, tables),
            _ => Err("an answer that nothing here explains"),
        }
    }

    /// A request that failed was not charged, unless it says that it does not know, or a repeat under the same key
    /// may have been charged instead.
    fn check_failure(&self, asked: &Asked, tables: &Tables) -> Result<(), &'static str> {
        let may_be_charged = |other: &Asked| match &other.outcome {
            Outcome::Silence => true,
            Outcome::Answer(status, body) => {
                *status == 200 || text(body, "detail").contains("could not confirm")
            }
        };
        let repeats = |other: &&Asked| other.user == asked.user && other.prompt == asked.prompt;
        let mut delivered = tables.generations.iter().filter(|row| row["user_id"] == asked.user.as_str());
        let delivered =
            delivered.any(|row| text(row, "status") == "SUCCEEDED" && prompt_of(row) == asked.prompt);
        if delivered && !self.asked.iter().filter(repeats).any(may_be_charged) {
            return Err("a failed batch was charged");
        }
        Ok(())
    }

    fn check_payment(&self, paid: &Paid, tables: &Tables) -> Result<(), &'static str> {
        let Outcome::Answer(200, body) = &paid.outcome else { return Ok(()) };
        let id = format!("topup#{}", paid.reference);
        let entry = tables.ledger.iter().find(|entry| text(entry, "entry_id") == id);
        let entry = entry.ok_or("a payment was confirmed and not credited")?;
        if entry["user_id"] != paid.user.as_str() || entry["delta"].as_u64() != Some(paid.coins) {
            return Err("a payment was confirmed and credited otherwise");
        }
        let told = &body["coins_balance"];
        (told == &entry["coins_balance"]).then_some(()).ok_or("a payment's answers disagree")
    }

    /// What was so at any moment between the two, the state at the beginning included.
    fn moments_between(&self, user: &str, from: Timestamp, until: Timestamp) -> Vec<Moment> {
        let moments = self.moments.get(user).map(Vec::as_slice).unwrap_or_default();
        let first = moments.partition_point(|moment| moment.at < from).saturating_sub(1);
        let last = moments.partition_point(|moment| moment.at <= until);
        moments[first.min(last)..last].to_vec()
    }
}

/// The record must say what the answer said.
fn check_delivery(asked: &Asked, body: &Value, tables: &Tables) -> Result<(), &'static str> {
    let record = tables.generation(&asked.user, text(body, "generation_id"));
    let record = record.ok_or("delivered, and there is no record of it")?;
    let images = body["images"].as_array().ok_or("delivered without pictures")?;
    if images.len() != 2 || images[0] == images[1] {
        return Err("delivered without two different pictures");
    }
    let same = text(record, "status") == "SUCCEEDED"
        && record["images"] == body["images"]
        && record["remaining_coins"] == body["remaining_coins"]
        && prompt_of(record) == asked.prompt;
    same.then_some(()).ok_or("delivered, and the record says otherwise")
}
