//! What must be true of every response: when it was given, or at the end.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::states::MAX_RUNNING;
use super::{Auditor, Moment, Snapshot, prompt_of, text};
use crate::merchants::{Asked, Paid, Response};

impl Auditor {
    /// Checks a response that shows a balance: the user had it at some moment between request and response.
    pub fn told_balance(&mut self, user: &str, from: Timestamp, until: Timestamp, body: &Value) {
        let told = body["coins_balance"].as_u64();
        let moments = self.moments_between(user, from, until);
        let had = moments.iter().any(|moment| Some(moment.balance) == told);
        let may_be_new = moments.is_empty() && told == Some(0);
        if !had && !may_be_new && self.sees_every_write() {
            self.violated(format!("{user} was told a balance of {told:?}, which was not the balance then"));
        }
    }

    pub(super) fn check_responses(&mut self, end: &Snapshot) {
        for asked in self.asked.clone() {
            if let Err(why) = self.check_response(&asked, end) {
                self.violated(format!("{why}: {asked:?}"));
            }
        }
        let mut delivered = BTreeSet::new();
        for row in end.generations.iter().filter(|row| text(row, "status") == "SUCCEEDED") {
            let (user, prompt) = (text(row, "user_id"), prompt_of(row));
            if !self.asked.iter().any(|asked| asked.user == user && asked.prompt() == prompt) {
                self.violated(format!("nobody asked for {row}"));
            }
            if !delivered.insert((user, prompt)) {
                self.violated(format!("delivered twice: {row}"));
            }
        }
    }

    fn check_response(&self, asked: &Asked, end: &Snapshot) -> Result<(), &'static str> {
        let Some(response) = &asked.response else { return Ok(()) };
        let at_some_moment = |is_so: &dyn Fn(&Moment) -> bool| {
            let moments = self.moments_between(&asked.user, asked.from, asked.until);
            moments.is_empty() || moments.iter().any(is_so)
        };
        let or = |is_true: bool, why| if is_true { Ok(()) } else { Err(why) };
        match (response.status, response.code()) {
            (200, _) => check_delivery(asked, &response.body, end),
            (202, _) => {
                let running = at_some_moment(&|moment| moment.pending.contains(asked.prompt()));
                or(running, "told that a batch goes on that was not running")
            }
            (403, "insufficient_coins") => {
                let price = response.body["coins_required"].as_u64().unwrap_or_default();
                let short = at_some_moment(&|moment| moment.available < price);
                or(short, "refused for coins that were there all the time")
            }
            (409, "generation_in_progress") => {
                let running = at_some_moment(&|moment| moment.pending.contains(asked.prompt()));
                or(running, "told to wait for a generation that was not running")
            }
            (429, "too_many_generations") => {
                let many = at_some_moment(&|moment| moment.running >= MAX_RUNNING);
                or(many, "told that too many batches run, which was never so")
            }
            (429, "too_many_failures") => {
                let many = at_some_moment(&|moment| moment.failures + moment.running >= self.budget);
                or(many, "refused for a budget of failures that had room all the time")
            }
            (422, "idempotency_key_reused") => {
                let reuses = |other: &Asked| {
                    let same_key = other.user == asked.user && other.key == asked.key;
                    same_key && other.body != asked.body && other.from <= asked.until
                };
                or(
                    self.asked.iter().any(reuses),
                    "told that the key was used for another request, which was never so",
                )
            }
            (422 | 502 | 503 | 504, _) => self.check_failure(asked, end),
            _ => Err("nothing explains this response"),
        }
    }

    /// A request that failed was not charged, unless the response says that it does not know, or a repeat under the
    /// same key may have been charged instead.
    fn check_failure(&self, asked: &Asked, end: &Snapshot) -> Result<(), &'static str> {
        let may_be_charged = |response: &Option<Response>| match response {
            None => true,
            Some(response) => {
                matches!(response.status, 200 | 202)
                    || text(&response.body, "detail").contains("could not confirm")
            }
        };
        let mut repeats =
            self.asked.iter().filter(|other| other.user == asked.user && other.prompt() == asked.prompt());
        let delivered = end.generations.iter().any(|row| {
            row["user_id"] == *asked.user
                && text(row, "status") == "SUCCEEDED"
                && prompt_of(row) == asked.prompt()
        });
        if delivered && !repeats.any(|other| may_be_charged(&other.response)) {
            return Err("a failed batch was charged");
        }
        Ok(())
    }

    /// Every confirmed payment is in the ledger as it was confirmed, and the ledger has no payment that nobody made.
    pub(super) fn check_payments(&mut self, end: &Snapshot) {
        for paid in self.paid.clone() {
            if let Err(why) = check_payment(&paid, end) {
                self.violated(format!("{why}: {paid:?}"));
            }
        }
        let known: BTreeSet<_> = self.paid.iter().map(|paid| paid.payment.entry_id()).collect();
        for entry in &end.ledger {
            let id = text(entry, "entry_id");
            if id.starts_with("topup#") && !known.contains(id) {
                self.violated(format!("nobody paid {entry}"));
            }
        }
    }

    fn sees_every_write(&self) -> bool {
        !self.moments.is_empty()
    }

    /// The user's states from one time to the other, the state at the beginning included. Empty when the auditor does
    /// not see every write.
    fn moments_between(&self, user: &str, from: Timestamp, until: Timestamp) -> Vec<Moment> {
        let moments = self.moments.get(user).map(Vec::as_slice).unwrap_or_default();
        let first = moments.partition_point(|moment| moment.at < from).saturating_sub(1);
        let last = moments.partition_point(|moment| moment.at <= until);
        moments[first.min(last)..last].to_vec()
    }
}

/// The record must say what the response said.
fn check_delivery(asked: &Asked, body: &Value, end: &Snapshot) -> Result<(), &'static str> {
    let record = end.generation(&asked.user, text(body, "generation_id"));
    let record = record.ok_or("delivered, and there is no record of it")?;
    let images = body["images"].as_array().ok_or("delivered without pictures")?;
    if images.len() != 2 || images[0] == images[1] {
        return Err("delivered without two different pictures");
    }
    let same = text(record, "status") == "SUCCEEDED"
        && record["images"] == body["images"]
        && record["remaining_coins"] == body["remaining_coins"]
        && prompt_of(record) == asked.prompt();
    same.then_some(()).ok_or("delivered, and the record says otherwise")
}

fn check_payment(Paid { payment, confirmation }: &Paid, end: &Snapshot) -> Result<(), &'static str> {
    let Some(confirmation) = confirmation else { return Ok(()) };
    let entry = end.ledger.iter().find(|entry| text(entry, "entry_id") == payment.entry_id());
    let entry = entry.ok_or("a payment was confirmed and not credited")?;
    if entry["user_id"] != *payment.user || entry["delta"] != payment.coins {
        return Err("a payment was confirmed and credited otherwise");
    }
    let same = confirmation["coins_balance"] == entry["coins_balance"];
    same.then_some(()).ok_or("a payment's confirmations disagree")
}
