//! The merchants: each wants batches, buys coins when there are none, and repeats whatever failed, as a client would.

use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::future::join_all;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::sleep;

use super::books::{Asked, Books, Payment};
use crate::harness::{Potret, Response};
use crate::rows::rows;

const MERCHANTS: usize = 12;

/// After so many tries a merchant goes on to something else. A key whose process died waits for its lease.
const MOST_TRIES: usize = 5;

/// How many come at once when there is no rush.
const FEW: usize = 3;

fn names() -> impl Iterator<Item = String> {
    (0..MERCHANTS).map(|number| format!("merchant-{number}"))
}

/// All of them at once, until then.
pub async fn rush(potret: &Potret, books: &Books, seed: u64, until: Instant) {
    let mut rng = Rng::with_seed(!seed);
    join_all(names().map(|name| shop(potret, books, name, rng.fork(), until)).collect::<Vec<_>>()).await;
}

async fn shop(potret: &Potret, books: &Books, user: String, mut rng: Rng, until: Instant) {
    for visit in 0.. {
        if Instant::now() > until {
            break;
        }
        let outcome = match rng.u8(..8) {
            0 => {
                // The same click arrives twice.
                let (key, prompt) = (format!("key-{visit}"), format!("{user} double {visit}"));
                let once = || ask(potret, books, &user, Some(&key), &prompt);
                let (one, other) = tokio::join!(once(), once());
                if one == 200 { one } else { other }
            }
            1..=4 => {
                let (key, prompt) = (format!("key-{visit}"), format!("{user} keyed {visit}"));
                repeat(potret, books, &user, Some(&key), &|_| prompt.clone(), &mut rng, until).await
            }
            _ => {
                let prompt = |attempt| format!("{user} bare {visit} attempt {attempt}");
                repeat(potret, books, &user, None, &prompt, &mut rng, until).await
            }
        };
        if outcome == 403 {
            let payment = Payment {
                user: user.clone(),
                coins: rng.u64(1..=4),
                reference: format!("{user} payment {visit}"),
            };
            pay(potret, books, payment, &mut rng, until).await;
        }
    }
}

/// Asks until there is an answer that a repeat would not change, and says its status.
async fn repeat(
    potret: &Potret,
    books: &Books,
    user: &str,
    key: Option<&str>,
    prompt: &dyn Fn(usize) -> String,
    rng: &mut Rng,
    until: Instant,
) -> u16 {
    let mut status = 0;
    for attempt in 0..MOST_TRIES {
        status = ask(potret, books, user, key, &prompt(attempt)).await;
        if !matches!(status, 409 | 429 | 500..) || Instant::now() > until {
            break;
        }
        sleep(Duration::from_millis(rng.u64(50..500))).await;
    }
    status
}

async fn ask(potret: &Potret, books: &Books, user: &str, key: Option<&str>, prompt: &str) -> u16 {
    let (merchant, body) = (potret.user(user), json!({"prompt": prompt}));
    let answer = match key {
        Some(key) => merchant.generate_with_key(key, &body).await,
        None => merchant.generate(&body).await,
    };
    let Response { status, body, .. } = answer;
    let (key, prompt) = (key.map(str::to_owned), prompt.to_owned());
    books.note_asked(Asked { user: user.to_owned(), key, prompt, status, body });
    status
}

/// A payment arrives at the webhook, which repeats it until it is confirmed, and now and then once more.
async fn pay(potret: &Potret, books: &Books, payment: Payment, rng: &mut Rng, until: Instant) {
    books.note_payment(payment.clone());
    while Instant::now() < until {
        let confirmed = match rng.u8(..4) {
            0 => {
                let (one, other) =
                    tokio::join!(confirm(potret, books, &payment), confirm(potret, books, &payment));
                one || other
            }
            _ => confirm(potret, books, &payment).await,
        };
        if confirmed && rng.bool() {
            break;
        }
    }
}

async fn confirm(potret: &Potret, books: &Books, payment: &Payment) -> bool {
    let Payment { user, coins, reference } = payment;
    let answer = potret.add_coins(&json!({"user_id": user, "coins": coins, "reference": reference})).await;
    let confirmed = answer.is_ok();
    books.note_confirmation(payment, answer);
    confirmed
}

/// Waits as long as the dead may still be alive.
pub async fn wait_until_all_leases_have_passed(potret: &Potret) {
    let generations = rows(&potret.stack.dynamodb.dynamodb(), potret.tables().generations.name()).await;
    let leases = generations.iter().filter(|row| row["status"] == "PENDING");
    let last = leases.filter_map(|row| row["lease_until"].as_i64()).max().unwrap_or_default();
    let left = u64::try_from(last - Timestamp::now().as_millisecond()).unwrap_or_default();
    sleep(Duration::from_millis(left + 1)).await;
}

/// Now that there is no trouble: every payment is confirmed, every key answered, and every coin can be spent.
/// Answers what is otherwise.
pub async fn come_again(potret: &Potret, books: &Books) -> Vec<String> {
    let mut complaints = Vec::new();
    for payment in books.payments() {
        if !confirm(potret, books, &payment).await {
            complaints.push(format!("{payment:?} cannot be confirmed"));
        }
    }
    let visits = stream::iter(names().collect::<Vec<_>>()).map(|user| spend_everything(potret, books, user));
    complaints.extend(visits.buffer_unordered(FEW).collect::<Vec<_>>().await.concat());
    complaints
}

async fn spend_everything(potret: &Potret, books: &Books, user: String) -> Vec<String> {
    let mut complaints = Vec::new();
    for (key, prompt) in books.keys_of(&user) {
        let status = in_peace(potret, books, &user, Some(&key), &prompt).await;
        if !matches!(status, 200 | 403) {
            complaints.push(format!("{user} asks for {key} again, and gets {status}"));
        }
    }
    let (balance, available) = potret.user(&user).coins().await;
    if balance != available {
        complaints.push(format!("{user} has {balance} coins, and can spend {available}"));
    }
    for number in 0..=balance {
        let prompt = format!("{user} spends the rest, {number}");
        let status = in_peace(potret, books, &user, None, &prompt).await;
        if status != if number < balance { 200 } else { 403 } {
            complaints.push(format!("{user} has {balance} coins, has spent {number}, and gets {status}"));
        }
    }
    complaints
}

/// Asks until fal was fast enough: on a busy machine even the double's pictures may take too long.
async fn in_peace(potret: &Potret, books: &Books, user: &str, key: Option<&str>, prompt: &str) -> u16 {
    let mut status = 0;
    for attempt in 0..MOST_TRIES {
        let prompt = if key.is_some() { prompt.to_owned() } else { format!("{prompt}, attempt {attempt}") };
        status = ask(potret, books, user, key, &prompt).await;
        if status != 504 {
            break;
        }
    }
    status
}
