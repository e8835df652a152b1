//! Merchants: they come when they like, want batches, pay, and repeat what failed.

use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::auditor::Auditor;

/// The smallest picture that there is: one pixel.
pub const PHOTO: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// How many merchants spend their last coins at the same time.
const SPENDERS: usize = 3;

/// On a busy machine even fal's double can be too slow: a batch without trouble that timed out is tried so often.
const MAX_TRIES: usize = 5;

/// After it, a user's budget of failures is full again.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The back end, as merchants and the payment service see it.
pub trait Backend {
    /// Asks for a batch. There is no response when the function dies.
    fn generate(&self, user: &str, key: Option<&str>, body: &Value)
    -> impl Future<Output = Option<Response>>;

    /// Has a payment credited, and gets its confirmation if it was.
    fn add_coins(&self, payment: &Payment) -> impl Future<Output = Option<Value>>;

    fn balance(&self, user: &str) -> impl Future<Output = Option<Response>>;

    /// How many coins a batch costs.
    fn price(&self) -> u64;

    fn now(&self) -> Timestamp;

    fn auditor(&self) -> MutexGuard<'_, Auditor>;
}

/// A function's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub body: Value,
}

impl Response {
    /// The code of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A request for a batch.
#[derive(Debug, Clone)]
pub struct Asked {
    pub user: String,
    pub key: Option<String>,
    /// Its prompt is in no other request, except in repeats under the same key.
    pub body: Value,
    pub from: Timestamp,
    pub until: Timestamp,
    pub response: Option<Response>,
}

impl Asked {
    pub fn prompt(&self) -> &str {
        self.body["prompt"].as_str().unwrap_or_default()
    }
}

/// A payment that the payment service knows of.
#[derive(Debug, Clone)]
pub struct Payment {
    pub user: String,
    pub coins: u64,
    pub reference: String,
}

impl Payment {
    pub fn new(user: &str, coins: u64, reference: impl Into<String>) -> Self {
        Self { user: user.to_owned(), coins, reference: reference.into() }
    }

    /// The id of its entry in the ledger.
    pub(crate) fn entry_id(&self) -> String {
        format!("topup#{}", self.reference)
    }
}

/// A try to credit a payment.
#[derive(Debug, Clone)]
pub struct Paid {
    pub payment: Payment,
    pub confirmation: Option<Value>,
}

/// How many merchants come in how much time, and what they do.
#[derive(Debug, Clone)]
pub struct Day {
    pub merchants: usize,
    pub visits: usize,
    pub length: Duration,
    /// The Idempotency-Keys of a merchant. Few, so that requests meet each other under them.
    pub keys: u32,
    /// The payments of a merchant after the first.
    pub payments: u32,
    /// The longest time after which a failed request or payment is repeated.
    pub longest_wait: Duration,
}

/// Runs a day. Everybody comes at random moments of it.
pub async fn live(backend: &impl Backend, day: &Day, rng: &mut Rng) {
    let users: Vec<_> = (0..day.merchants).map(|number| format!("merchant-{number}")).collect();
    let first_payments = users.iter().map(|user| {
        let payment = Payment::new(user, rng.u64(1..=5), format!("{user} first payment"));
        pay_in_the_end(backend, day, payment, rng.fork())
    });
    join_all(first_payments.collect::<Vec<_>>()).await;
    let visits = (0..day.visits).map(|number| {
        let (user, mut rng) = (&users[rng.usize(0..users.len())], rng.fork());
        async move {
            sleep(day.length.mul_f64(rng.f64())).await;
            match rng.u8(0..10) {
                0 => drop(look_at_balance(backend, user).await),
                1 | 2 => {
                    let reference = format!("{user} payment {}", rng.u32(0..day.payments));
                    pay_in_the_end(backend, day, Payment::new(user, 2, reference), rng).await;
                }
                _ => visit(backend, day, user, number, rng).await,
            }
        }
    });
    join_all(visits.collect::<Vec<_>>()).await;
}

/// A merchant wants a batch, and tries again when told to, or when there is no response.
async fn visit(backend: &impl Backend, day: &Day, user: &str, number: usize, mut rng: Rng) {
    let key = rng.u32(0..2 * day.keys);
    let key = (key < day.keys).then(|| format!("key-{key}"));
    let (clicks_twice, has_photo) = (rng.u8(0..8) == 0, rng.u8(0..4) == 0);
    // Now and then a key is used for another request.
    let version = rng.u8(0..8) / 7;
    for attempt in 0..rng.u8(1..=4) {
        let body = match &key {
            Some(key) => json!({"prompt": format!("{user} {key} version {version}")}),
            None if has_photo => {
                json!({"prompt": format!("{user} visit {number} attempt {attempt}"), "face_image": PHOTO})
            }
            None => json!({"prompt": format!("{user} visit {number} attempt {attempt}")}),
        };
        let ask = || ask(backend, user, key.as_deref(), &body);
        let response = match clicks_twice && key.is_some() {
            true => futures::join!(ask(), ask()).0,
            false => ask().await,
        };
        if response.is_some_and(|response| !matches!(response.status, 409 | 429 | 500..)) {
            break;
        }
        wait(day, &mut rng).await;
    }
}

async fn wait(day: &Day, rng: &mut Rng) {
    sleep(day.longest_wait.mul_f64(rng.f64())).await;
}

/// Asks for a batch, and reports it to the auditor.
pub async fn ask(backend: &impl Backend, user: &str, key: Option<&str>, body: &Value) -> Option<Response> {
    let from = backend.now();
    let response = backend.generate(user, key, body).await;
    let asked = Asked {
        user: user.to_owned(),
        key: key.map(str::to_owned),
        body: body.clone(),
        from,
        until: backend.now(),
        response: response.clone(),
    };
    backend.auditor().asked(asked);
    response
}

/// The payment service reports a payment until it is confirmed or the service gives up, and sometimes once more.
async fn pay_in_the_end(backend: &impl Backend, day: &Day, payment: Payment, mut rng: Rng) {
    for _ in 0..rng.u8(2..=4) {
        if pay(backend, &payment).await && rng.bool() {
            break;
        }
        wait(day, &mut rng).await;
    }
}

/// Has a payment credited, reports it to the auditor, and says whether it was confirmed.
pub async fn pay(backend: &impl Backend, payment: &Payment) -> bool {
    let confirmation = backend.add_coins(payment).await;
    let confirmed = confirmation.is_some();
    backend.auditor().paid(Paid { payment: payment.clone(), confirmation });
    confirmed
}

/// The settled and the available coins.
async fn look_at_balance(backend: &impl Backend, user: &str) -> Option<(u64, u64)> {
    let from = backend.now();
    let response = backend.balance(user).await.filter(|response| response.status == 200)?;
    backend.auditor().told_balance(user, from, backend.now(), &response.body);
    let coins = |name: &str| response.body[name].as_u64();
    Some((coins("coins_balance")?, coins("coins_available")?))
}

/// Comes again when all trouble is over and all leases have passed: every payment must be confirmed, every key
/// answered, and every coin spendable. Reports what is otherwise to the auditor.
pub async fn come_again(backend: &impl Backend) {
    let payments: Vec<_> = backend.auditor().paid.iter().map(|paid| paid.payment.clone()).collect();
    let payments: BTreeMap<_, _> =
        payments.into_iter().map(|payment| (payment.entry_id(), payment)).collect();
    for payment in payments.values() {
        if !pay(backend, payment).await {
            backend.auditor().violated(format!("{payment:?} cannot be confirmed"));
        }
    }
    let mut users: Vec<_> = payments.into_values().map(|payment| payment.user).collect();
    users.sort_unstable();
    users.dedup();
    stream::iter(users)
        .for_each_concurrent(SPENDERS, |user| async move {
            repeat_every_key(backend, &user).await;
            spend_everything(backend, &user).await;
        })
        .await;
}

async fn repeat_every_key(backend: &impl Backend, user: &str) {
    let of_user = |asked: &Asked| {
        let key = asked.key.clone().filter(|_| asked.user == user)?;
        Some((format!("{key} {}", asked.body), (key, asked.body.clone())))
    };
    let keyed: BTreeMap<_, _> = backend.auditor().asked.iter().filter_map(of_user).collect();
    for (key, body) in keyed.into_values() {
        let response = without_trouble(backend, user, Some(&key), |_| body.clone()).await;
        if !response.as_ref().is_some_and(|response| matches!(response.status, 200 | 403 | 422)) {
            backend
                .auditor()
                .violated(format!("{user} repeats {key} without trouble, and gets {response:?}"));
        }
    }
}

async fn spend_everything(backend: &impl Backend, user: &str) {
    let Some((balance, available)) = look_at_balance(backend, user).await else {
        return backend.auditor().violated(format!("{user} gets no balance"));
    };
    if balance != available {
        backend.auditor().violated(format!("{user} has {balance} coins, and can spend {available}"));
    }
    let batches = balance / backend.price();
    for number in 0..=batches {
        let prompt =
            |attempt| json!({"prompt": format!("{user} spends the rest: {number}, attempt {attempt}")});
        let response = without_trouble(backend, user, None, prompt).await;
        let expected = if number < batches { 200 } else { 403 };
        if response.as_ref().map(|response| response.status) != Some(expected) {
            let why =
                format!("{user} can pay for {batches} batches, has paid for {number}, and gets {response:?}");
            backend.auditor().violated(why);
        }
    }
}

/// Asks until fal was fast enough. A user whose failures used up their budget comes back a day later.
async fn without_trouble(
    backend: &impl Backend,
    user: &str,
    key: Option<&str>,
    body: impl Fn(usize) -> Value,
) -> Option<Response> {
    let mut response = None;
    for attempt in 0..MAX_TRIES {
        response = ask(backend, user, key, &body(attempt)).await;
        if response.as_ref().is_some_and(|response| response.code() == "too_many_failures") {
            sleep(A_DAY).await;
            continue;
        }
        if response.as_ref().is_none_or(|response| response.status != 504) {
            break;
        }
    }
    response
}
