//! What the tables really have of a user, in the model's terms. It shares no code with the ledger.

use common::coins::Coins;
use common::generations::Generation;
use common::identity::UserId;
use common::ledger::Hold;
use kit::auditor::Snapshot;
use model::Scenario;
use model::jobs::Queued;
use model::state::{self, Attempt, Entry, Items};
use serde_json::Value;

use super::walk::queued;

/// A number of coins as the model has it.
pub fn small(coins: Coins) -> i8 {
    i8::try_from(coins.count()).expect("few coins")
}

/// All items of `user`, who made these attempts.
pub fn read(tables: &Snapshot, user: &UserId, attempts: &[Generation], scenario: &Scenario) -> Items {
    let of_user = |row: &&Value| row["user_id"] == *user.as_str();
    let mut items = Items::default();
    for profile in tables.profiles.iter().filter(of_user) {
        items.profile = read_profile(profile, attempts);
    }
    for row in tables.generations.iter().filter(of_user) {
        let attempt = find(attempts, |attempt| row["attempt_id"] == attempt.attempt_id.to_string());
        let (pending, request) = (&attempts[attempt.index()], scenario.request(attempt));
        assert_eq!(row["generation_id"], pending.generation_id.to_string(), "it lies under its key");
        let is_queued = request.asynchronous && row["status"] == "PENDING";
        assert_eq!(row["queued"].is_array(), is_queued, "only an asynchronous one is queued until its end");
        items.generations[request.key] = Some(read_generation(row, attempt, scenario));
        if request.asynchronous {
            items.queued = read_queued(row);
        }
    }
    for row in tables.ledger.iter().filter(of_user) {
        let coins = |name| number(row, name).expect("a number of coins");
        let entry = Entry { delta: coins("delta"), balance: coins("coins_balance") };
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

fn read_profile(row: &Value, attempts: &[Generation]) -> state::Profile {
    let (balance, available) = (number(row, "coins_balance"), number(row, "coins_available"));
    let mut profile = state::Profile { balance, available, ..Default::default() };
    for stamp in row["failures"].as_array().into_iter().flatten() {
        let failed = stamp.as_str().and_then(|stamp| stamp.split_once('#')).expect("a stamp").1;
        profile.failures.insert(find(attempts, |attempt| failed == attempt.attempt_id.to_string()));
    }
    for hold in row["holds"].as_array().into_iter().flatten() {
        profile.holds.insert(find(attempts, |attempt| *hold == Hold::of(attempt).to_string()));
    }
    profile
}

fn read_generation(row: &Value, attempt: Attempt, scenario: &Scenario) -> state::Generation {
    let status = match row["status"].as_str() {
        Some("PENDING") => state::Status::Pending,
        Some("SUCCEEDED") => state::Status::Succeeded,
        Some("FAILED") => state::Status::Failed,
        Some("EXPIRED") => state::Status::Expired,
        other => panic!("unknown status {other:?}"),
    };
    let body = scenario.request(attempt).body;
    assert_eq!(row["body_hash"], format!("body-{body}"), "it has its attempt's body");
    state::Generation { attempt, body, status, remaining: number(row, "remaining_coins") }
}

/// A settle records both pictures as the batch's images. Every end removes the list of jobs.
fn read_queued(row: &Value) -> Queued {
    assert_eq!(row["pending_at"].is_null(), row["check_at"].is_null(), "the index has both or neither");
    let check_at = row["check_at"].as_i64().map(|at| at == queued::turn(true).as_millisecond());
    let ticket = |index: usize| queued::job(&row["queued"][index]["request_id"]);
    let recorded = |index: usize| queued::job(&row["queued"][index]["url"]);
    let delivered = |index: usize| queued::job(&row["images"][index]);
    Queued {
        check_at,
        tickets: [0, 1].map(ticket),
        pictures: [0, 1].map(|index| delivered(index).or_else(|| recorded(index))),
    }
}

fn find(attempts: &[Generation], is_it: impl Fn(&Generation) -> bool) -> Attempt {
    let index = attempts.iter().position(is_it).expect("one of the walk's attempts");
    Attempt(u8::try_from(index).expect("few attempts"))
}

fn number(row: &Value, name: &str) -> Option<i8> {
    row[name].as_i64().map(|number| i8::try_from(number).expect("few coins"))
}
