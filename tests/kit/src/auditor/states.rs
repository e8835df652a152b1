//! What must be true of the tables after every write.

use jiff::Timestamp;
use operate::audit::violations;
use serde_json::Value;

use super::{Auditor, Moment, Snapshot, prompt_of, text};

/// The most batches of one user that may run at the same time.
pub(super) const MAX_RUNNING: usize = 4;

/// The attempts that a profile holds coins for.
pub(super) fn holds(profile: &Value) -> Vec<&str> {
    let elements = profile["holds"].as_array().into_iter().flatten().filter_map(Value::as_str);
    elements.filter_map(|element| element.split('#').nth(1)).collect()
}

/// How many failures a profile has that fal may bill. No history here is longer than a day.
fn failures(profile: &Value) -> usize {
    profile["failures"].as_array().map_or(0, Vec::len)
}

impl Auditor {
    /// Checks the tables after a write.
    pub fn look(&mut self, now: Timestamp, tables: Snapshot) {
        self.check_books(now, &tables);
        self.check_history(&tables);
        self.remember(now, &tables);
        self.before = tables;
    }

    /// Checks that the request that fal is about to get has a hold for its very prompt.
    pub fn fal_is_asked(&mut self, prompt: &str, tables: &Snapshot) {
        let has_hold = |row: &Value| {
            let profile = tables.profile(text(row, "user_id"));
            profile.is_some_and(|profile| holds(profile).contains(&text(row, "attempt_id")))
        };
        let pending = tables.generations.iter().filter(|row| text(row, "status") == "PENDING");
        if !pending.filter(|row| prompt_of(row) == prompt).any(has_hold) {
            self.violated(format!("fal is asked for {prompt:?} without a hold"));
        }
    }

    /// Every user's books add up, and few of a user's batches run at once.
    fn check_books(&mut self, now: Timestamp, tables: &Snapshot) {
        for user in tables.users() {
            let books = tables.books_of(user);
            for violation in violations(&books, now) {
                self.violated(format!("{user}: {violation}"));
            }
            if holds(&books.profile).len() > MAX_RUNNING {
                self.violated(format!("{user} has more than {MAX_RUNNING} batches running"));
            }
            let possible = failures(&books.profile) + holds(&books.profile).len();
            if possible > self.budget {
                self.violated(format!("{user} may fail {possible} times, and {} are allowed", self.budget));
            }
        }
    }

    /// The ledger only grows. A generation that has ended stays as it is, unless another attempt follows a failure.
    fn check_history(&mut self, tables: &Snapshot) {
        let before = std::mem::take(&mut self.before);
        for entry in &before.ledger {
            if !tables.ledger.contains(entry) {
                self.violated(format!("the ledger lost {entry}"));
            }
        }
        for old in &before.generations {
            let new = tables.generation(text(old, "user_id"), text(old, "generation_id"));
            let Some(new) = new else {
                self.violated(format!("a generation is gone: {old}"));
                continue;
            };
            let same_attempt = old["attempt_id"] == new["attempt_id"];
            let legal = match (text(old, "status"), text(new, "status")) {
                ("PENDING", _) => same_attempt,
                ("FAILED" | "EXPIRED", "PENDING") => !same_attempt && old["body_hash"] == new["body_hash"],
                _ => old == new,
            };
            if !legal {
                self.violated(format!("{old} became {new}"));
            }
        }
    }

    fn remember(&mut self, now: Timestamp, tables: &Snapshot) {
        for profile in &tables.profiles {
            let user = text(profile, "user_id");
            let balance = profile["coins_balance"].as_u64().unwrap_or_default();
            let pending = tables.generations.iter().filter(|row| row["user_id"] == user);
            let pending = pending.filter(|row| text(row, "status") == "PENDING").map(prompt_of);
            let moment = Moment {
                at: now,
                balance,
                available: profile["coins_available"].as_u64().unwrap_or(balance),
                running: holds(profile).len(),
                failures: failures(profile),
                pending: pending.collect(),
            };
            self.moments.entry(user.to_owned()).or_default().push(moment);
        }
    }
}
