//! What must be true of the tables after every single write.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{Auditor, Moment, Tables, prompt_of, text};

/// Most batches of one user that may run at the same time.
const MOST_RUNNING: usize = 4;

/// One element of a profile's `holds`.
struct Held {
    attempt: String,
    coins: i64,
}

fn holds(profile: &Value) -> Vec<Held> {
    let elements = profile["holds"].as_array().into_iter().flatten().filter_map(Value::as_str);
    elements
        .map(|element| {
            let parts: Vec<_> = element.split('#').collect();
            Held { attempt: parts[1].to_owned(), coins: parts[2].parse().expect("coins") }
        })
        .collect()
}

impl Auditor {
    /// Looks at the tables after a write.
    pub fn look(&mut self, now: Timestamp, tables: Tables) {
        self.check_coins(&tables);
        self.check_generations(&tables);
        self.check_history(&tables);
        self.remember(now, &tables);
        self.before = tables;
    }

    /// fal is about to be asked: there must be a hold for that very prompt.
    pub fn fal_is_asked(&mut self, prompt: &str, tables: &Tables) {
        let pending = tables.generations.iter().filter(|row| text(row, "status") == "PENDING");
        let mut pending = pending.filter(|row| prompt_of(row) == prompt);
        if !pending.any(|row| {
            let profile = tables.profile(text(row, "user_id"));
            profile.is_some_and(|profile| {
                holds(profile).iter().any(|held| held.attempt == text(row, "attempt_id"))
            })
        }) {
            self.violated(format!("fal is asked for {prompt:?} without a hold"));
        }
    }

    /// 0 ≤ available ≤ balance; what is missing is held, for few at a time; the balance is the sum of the ledger.
    fn check_coins(&mut self, tables: &Tables) {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in &tables.ledger {
            *sums.entry(text(entry, "user_id")).or_default() +=
                entry["delta"].as_i64().unwrap_or(i64::MIN / 2);
        }
        for profile in &tables.profiles {
            let user = text(profile, "user_id");
            let balance = profile["coins_balance"].as_i64().unwrap_or_default();
            let available = profile["coins_available"].as_i64().unwrap_or(balance);
            let held: i64 = holds(profile).iter().map(|held| held.coins).sum();
            if available < 0 || available > balance || balance - available != held {
                self.violated(format!(
                    "{user} has {balance}, of which {available} available, but {held} held"
                ));
            }
            if holds(profile).len() > MOST_RUNNING {
                self.violated(format!("{user} has more than {MOST_RUNNING} batches running"));
            }
            if sums.remove(user).unwrap_or_default() != balance {
                self.violated(format!("{user} has {balance}, which is not the sum of the ledger"));
            }
        }
        if let Some((user, sum)) = sums.into_iter().find(|(_, sum)| *sum != 0) {
            self.violated(format!("the ledger gives {user} {sum} coins, and there is no profile"));
        }
    }

    /// A hold for every pending attempt and no other; a charge for every delivered one and no other.
    fn check_generations(&mut self, tables: &Tables) {
        let with_status = |status: &str| -> BTreeSet<String> {
            let rows = tables.generations.iter().filter(|row| text(row, "status") == status);
            rows.map(|row| text(row, "attempt_id").to_owned()).collect()
        };
        let held: BTreeSet<_> = tables.profiles.iter().flat_map(holds).map(|held| held.attempt).collect();
        if held != with_status("PENDING") {
            self.violated(format!("held {held:?}, but pending {:?}", with_status("PENDING")));
        }
        let charges =
            tables.ledger.iter().filter_map(|entry| text(entry, "entry_id").strip_prefix("charge#"));
        let charged: BTreeSet<_> = charges.map(str::to_owned).collect();
        if charged != with_status("SUCCEEDED") {
            self.violated(format!("charged {charged:?}, but delivered {:?}", with_status("SUCCEEDED")));
        }
    }

    /// The ledger only grows, and what is delivered or over stays so; only another attempt may follow a failure.
    fn check_history(&mut self, tables: &Tables) {
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

    fn remember(&mut self, now: Timestamp, tables: &Tables) {
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
                pending: pending.collect(),
            };
            self.moments.entry(user.to_owned()).or_default().push(moment);
        }
    }

    /// Nothing is held and nothing is pending any more.
    pub(super) fn check_that_all_is_settled(&mut self, tables: &Tables) {
        for profile in tables.profiles.iter().filter(|profile| !holds(profile).is_empty()) {
            self.violated(format!("coins are held for ever: {profile}"));
        }
    }
}
