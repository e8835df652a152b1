//! The rules for one user's books.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A generation's record is deleted 30 days after its end, so a charge that is older than this may have none.
const RECORDS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(29 * 24);

/// How long a failure counts against its user's budget.
const FAILURES_COUNT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Everything about one user's coins, as JSON.
#[derive(Debug)]
pub struct Books {
    /// `null` for a user without a profile.
    pub profile: Value,
    pub generations: Vec<Value>,
    pub ledger: Vec<Value>,
}

/// What breaks the rules at `now`, in words.
#[must_use]
pub fn violations(books: &Books, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    check_coins(books, &mut found);
    check_holds(books, &mut found);
    check_charges(books, now, &mut found);
    check_failures(books, &mut found);
    found
}

/// How many failures of `profile` that fal may bill still count.
#[must_use]
pub fn recent_failures(profile: &Value, now: Timestamp) -> usize {
    let since = (now - FAILURES_COUNT_FOR).as_millisecond();
    let times = failures(profile).filter_map(|(at, _)| at.parse::<i64>().ok());
    times.filter(|at| *at > since).count()
}

/// The stamps of failures: `<milliseconds>#<attempt>`.
fn failures(profile: &Value) -> impl Iterator<Item = (&str, &str)> {
    let stamps = profile["failures"].as_array().into_iter().flatten().filter_map(Value::as_str);
    stamps.filter_map(|stamp| stamp.split_once('#'))
}

/// No attempt counts as failed that runs or was delivered.
fn check_failures(books: &Books, found: &mut Vec<String>) {
    for (_, attempt) in failures(&books.profile) {
        let record = books.generations.iter().find(|row| text(row, "attempt_id") == attempt);
        if let Some(row) = record.filter(|row| matches!(text(row, "status"), "PENDING" | "SUCCEEDED")) {
            found.push(format!("{} counts as failed and is {}", shown(row), text(row, "status")));
        }
    }
}

/// 0 ≤ available ≤ balance, the difference of both is held, and the balance is the sum of the ledger.
fn check_coins(books: &Books, found: &mut Vec<String>) {
    let balance = books.profile["coins_balance"].as_i64().unwrap_or_default();
    let available = books.profile["coins_available"].as_i64().unwrap_or(balance);
    if !(0..=balance).contains(&available) {
        found.push(format!("{available} coins are available of a balance of {balance}"));
    }
    let held: i64 = holds(&books.profile).iter().map(|hold| hold.coins).sum();
    if balance - available != held {
        found.push(format!("{balance} coins less {available} available are not the {held} that are held"));
    }
    let sum: i64 = books.ledger.iter().map(|entry| entry["delta"].as_i64().unwrap_or_default()).sum();
    if sum != balance {
        found.push(format!("the balance is {balance}, and the ledger's entries sum to {sum}"));
    }
}

/// Exactly the pending attempts have a hold.
fn check_holds(books: &Books, found: &mut Vec<String>) {
    let mut held: BTreeMap<_, _> =
        holds(&books.profile).into_iter().map(|hold| (hold.attempt, hold.coins)).collect();
    for generation in books.generations.iter().filter(|row| text(row, "status") == "PENDING") {
        let coins = generation["coins"].as_i64().unwrap_or_default();
        match held.remove(text(generation, "attempt_id")) {
            Some(hold) if hold == coins => {}
            Some(hold) => {
                found.push(format!("{} coins {coins} and {hold} are held for it", shown(generation)))
            }
            None => found.push(format!("{} is pending, and nothing is held for it", shown(generation))),
        }
    }
    found.extend(
        held.into_keys().map(|attempt| format!("coins are held for attempt {attempt}, which is not pending")),
    );
}

/// Exactly the delivered attempts are charged, with their price.
fn check_charges(books: &Books, now: Timestamp, found: &mut Vec<String>) {
    let charges = books.ledger.iter().filter_map(|entry| {
        let attempt = text(entry, "entry_id").strip_prefix("charge#")?;
        Some((attempt, entry))
    });
    let mut charges: BTreeMap<_, _> = charges.collect();
    for generation in &books.generations {
        let coins = generation["coins"].as_i64().unwrap_or_default();
        let charge = charges.remove(text(generation, "attempt_id"));
        let delta = charge.and_then(|charge| charge["delta"].as_i64());
        match (text(generation, "status"), delta) {
            ("SUCCEEDED", Some(delta)) if delta == -coins => {
                if generation["images"].as_array().map(Vec::len) != Some(2) {
                    found.push(format!("{} is charged and has not two pictures", shown(generation)));
                }
            }
            ("SUCCEEDED", Some(delta)) => {
                found.push(format!("{} costs {coins}, and {delta} was entered", shown(generation)));
            }
            ("SUCCEEDED", None) => found.push(format!("{} is delivered and not charged", shown(generation))),
            (_, Some(_)) => found.push(format!("{} is charged and not delivered", shown(generation))),
            (_, None) => {}
        }
    }
    for (attempt, charge) in charges {
        let at: Option<Timestamp> = text(charge, "at").parse().ok();
        if at.is_none_or(|at| now.duration_since(at) < RECORDS_ARE_KEPT) {
            found.push(format!("attempt {attempt} is charged, and there is no record of it"));
        }
    }
}

fn shown(generation: &Value) -> String {
    format!("generation {}", text(generation, "generation_id"))
}

struct Hold<'p> {
    attempt: &'p str,
    coins: i64,
}

/// The holds of a profile: `<lease>#<attempt>#<coins>#<generation>`. An element in another form holds
/// nothing, so the coins do not add up.
fn holds(profile: &Value) -> Vec<Hold<'_>> {
    let elements = profile["holds"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let parsed = elements.map(|element| {
        let mut parts = element.split('#').skip(1);
        Some(Hold { attempt: parts.next()?, coins: parts.next()?.parse().ok()? })
    });
    parsed.flatten().collect()
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Ten coins paid in, a batch delivered for one, another running.
    fn books() -> Books {
        Books {
            profile: json!({"coins_balance": 9, "coins_available": 8, "holds": ["1800000000000#b#1#2"]}),
            generations: vec![
                json!({"generation_id": "1", "attempt_id": "a", "status": "SUCCEEDED", "coins": 1, "images": ["x", "y"]}),
                json!({"generation_id": "2", "attempt_id": "b", "status": "PENDING", "coins": 1}),
                json!({"generation_id": "3", "attempt_id": "c", "status": "FAILED", "coins": 1}),
            ],
            ledger: vec![
                json!({"entry_id": "topup#p", "delta": 10, "at": "2027-01-01T00:00:00Z"}),
                json!({"entry_id": "charge#a", "delta": -1, "at": "2027-01-02T00:00:00Z"}),
            ],
        }
    }

    fn found(change: impl FnOnce(&mut Books)) -> String {
        let mut books = books();
        change(&mut books);
        violations(&books, "2027-01-03T00:00:00Z".parse().expect("a time")).join("; ")
    }

    #[test]
    fn books_in_order_have_no_violation() {
        assert_eq!(found(|_| ()), "");
        assert_eq!(
            found(|books| *books = Books { profile: Value::Null, generations: vec![], ledger: vec![] }),
            ""
        );
    }

    #[test]
    fn every_violation_is_named() {
        let cases: [fn(&mut Books); 12] = [
            |books| books.profile["coins_available"] = json!(10),
            |books| books.profile["coins_available"] = json!(9),
            |books| books.profile["coins_balance"] = json!(10),
            |books| books.profile["holds"] = json!([]),
            |books| books.generations[1]["status"] = json!("EXPIRED"),
            |books| books.generations[0]["status"] = json!("FAILED"),
            |books| books.generations[2]["status"] = json!("SUCCEEDED"),
            |books| books.generations[0]["coins"] = json!(2),
            |books| books.generations[0]["images"] = json!(["x"]),
            |books| drop(books.generations.remove(0)),
            |books| books.profile["failures"] = json!(["1799999999999#a", "1799999999999#c"]),
            |books| books.profile["failures"] = json!(["1799999999999#b"]),
        ];
        insta::assert_snapshot!(cases.map(found).join("\n"), @"
        10 coins are available of a balance of 9; 9 coins less 10 available are not the 1 that are held
        9 coins less 9 available are not the 1 that are held
        10 coins less 8 available are not the 1 that are held; the balance is 10, and the ledger's entries sum to 9
        9 coins less 8 available are not the 0 that are held; generation 2 is pending, and nothing is held for it
        coins are held for attempt b, which is not pending
        generation 1 is charged and not delivered
        generation 3 is delivered and not charged
        generation 1 costs 2, and -1 was entered
        generation 1 is charged and has not two pictures
        attempt a is charged, and there is no record of it
        generation 1 counts as failed and is SUCCEEDED
        generation 2 counts as failed and is PENDING
        ");
    }

    #[test]
    fn failures_of_the_last_24_hours_are_counted() {
        let now: Timestamp = "2027-01-03T00:00:00Z".parse().expect("a time");
        let day = now.as_millisecond() - 24 * 60 * 60 * 1000;
        let profile = json!({"failures": [format!("{day}#a"), format!("{}#b", day + 1), "by hand"]});
        assert_eq!((recent_failures(&profile, now), recent_failures(&Value::Null, now)), (1, 0));
    }

    #[test]
    fn an_old_charge_needs_no_record() {
        let old = |books: &mut Books| {
            books.generations.remove(0);
            books.ledger[1]["at"] = json!("2026-12-01T00:00:00Z");
        };
        assert_eq!(found(old), "");
    }
}
