//! The release binaries as real processes: many merchants at once, a database that loses replies, and processes that are
//! killed at random. At the end every coin is accounted for. CONTRIBUTING.md says how to run it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use common::settings::environment;
use fal_double::{Fault, Injection, Signer, WebhookBehaviour};
use fastrand::Rng;
use jiff::Timestamp;
use kit::auditor::Auditor;
use kit::merchants::{Backend, Day, Payment, Response, come_again, live};
use kit::trouble::Chance;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::flaky_dynamodb::Flaky;
use crate::harness::{Potret, Setup};

/// Each merchant comes every second or two.
/// As many failures as a merchant of the rush may cause: the rush is not about them.
const FAILURES_PER_DAY: usize = 1_000;

const DAY: Day = Day {
    merchants: 12,
    visits: 240,
    length: Duration::from_secs(30),
    keys: 8,
    payments: 20,
    longest_wait: Duration::from_millis(500),
};

/// The time limit of a function. Short, because the test waits until every lease has passed, which is a minute longer.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(8);

const FAL_LATENCY: Duration = Duration::from_millis(150);

/// Twelve calls of the database in so many meet trouble.
const ODDS: u8 = 96;

/// How long the coins of an asynchronous batch are held: so short that all batches end before the test does.
const ASYNC_LEASE: Duration = Duration::from_secs(45);

/// The time between two runs of heal-batches.
const PAUSE_BETWEEN_RUNS: Duration = Duration::from_secs(3);

/// The last asynchronous batches end so long after their leases: a run of heal-batches that fails comes to them
/// again after half of their age.
const LAST_BATCHES_END_WITHIN: Duration = Duration::from_secs(60);

/// Longer than a client waits for one try, so that the call is repeated while the first one is still under way.
const LONGEST_DELAY: Duration = Duration::from_millis(2_500);

/// The longest time between two kills.
const LONGEST_PEACE: Duration = Duration::from_millis(400);

/// Every way in which fal fails within a function's time, and some in which it succeeds.
const FAULTS: [Fault; 11] = [
    Fault::ConcurrencyLimit,
    Fault::ContentPolicyViolation,
    Fault::InternalErrorRetryable,
    Fault::InternalError,
    Fault::BadGateway,
    Fault::Unavailable,
    Fault::BlackPicture,
    Fault::QueuedWithUrls,
    Fault::Nonsense,
    Fault::SingleImage,
    Fault::ConnectionClosed,
];

/// Every way in which fal tells of a job's end. They follow each other.
fn webhooks() -> impl Iterator<Item = (&'static str, WebhookBehaviour)> {
    let usual = || WebhookBehaviour { first_pause_milliseconds: Some(200), ..WebhookBehaviour::default() };
    let late = |by: Duration| by.as_millis().try_into().expect("milliseconds");
    let all = [
        ("on a good day", usual()),
        ("twice", WebhookBehaviour { duplicated: true, ..usual() }),
        ("lost", WebhookBehaviour { lost: true, ..usual() }),
        ("late", WebhookBehaviour { delay_milliseconds: late(FUNCTION_TIMEOUT), ..usual() }),
        ("before the submission's response", WebhookBehaviour { before_reply: true, ..usual() }),
        ("after the lease", WebhookBehaviour { delay_milliseconds: late(ASYNC_LEASE), ..usual() }),
        ("in another order", WebhookBehaviour { reversed: true, ..usual() }),
        ("with an old signature", WebhookBehaviour { stale: true, ..usual() }),
        ("without a payload", WebhookBehaviour { payload_null: true, ..usual() }),
        ("forged", WebhookBehaviour { signer: Signer::Forger, ..usual() }),
    ];
    all.into_iter().cycle()
}

/// The stack as merchants see it. The auditor sees the tables only at the end.
struct Processes {
    potret: Potret,
    auditor: Mutex<Auditor>,
    /// Draws which requests prefer an asynchronous batch. Nothing: none does.
    preferences: Mutex<Option<Rng>>,
}

impl Processes {
    /// The `Prefer` header of the next request. Half of the requests have one, and some of these wait. Then how often
    /// the merchant looks at a batch that goes on.
    fn preference(&self) -> (Option<String>, u8) {
        let mut preferences = self.preferences.lock().expect("no panic");
        let Some(rng) = &mut *preferences else { return (None, 0) };
        let header = match rng.u8(0..6) {
            0 | 1 => Some("respond-async".to_owned()),
            2 => Some(format!("respond-async, wait={}", rng.u8(1..4))),
            _ => None,
        };
        (header, rng.u8(0..=3))
    }
}

impl Backend for Processes {
    async fn generate(&self, user: &str, key: Option<&str>, body: &Value) -> Option<Response> {
        let (prefer, looks) = self.preference();
        let merchant = self.potret.user(user);
        let request = merchant.request(Method::POST, "/api/generate-image").json(body);
        let headers = [("idempotency-key", key), ("prefer", prefer.as_deref())];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let response = crate::harness::Response::to(request).await;
        if response.status == 202 {
            let place = response.header("location").expect("a location");
            for _ in 0..looks {
                sleep(DAY.longest_wait).await;
                merchant.get(place).await;
            }
        }
        let response = Response { status: response.status, body: response.body };
        // API Gateway responds without a code when the function has died.
        (response.status < 500 || !response.code().is_empty()).then_some(response)
    }

    async fn add_coins(&self, Payment { user, coins, reference }: &Payment) -> Option<Value> {
        let event = json!({"user_id": user, "coins": coins, "reference": reference});
        self.potret.add_coins(&event).await.ok()
    }

    async fn balance(&self, user: &str) -> Option<Response> {
        let request = self.potret.user(user).request(Method::GET, "/api/coin-balance");
        let response = crate::harness::Response::to(request).await;
        Some(Response { status: response.status, body: response.body })
    }

    fn price(&self) -> u64 {
        1
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn auditor(&self) -> MutexGuard<'_, Auditor> {
        self.auditor.lock().expect("no panic")
    }
}

/// The binaries of a release build, unless the environment names others.
fn binaries() -> PathBuf {
    crate::harness::binaries_of_the_environment()
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("release"))
}

/// Kills processes, makes fal fail and changes its webhooks until then, and counts how often.
async fn kill_and_fail(potret: &Potret, seed: u64, until: Instant) -> BTreeMap<String, u64> {
    let mut rng = Rng::with_seed(seed);
    let (mut figures, mut webhooks) = (BTreeMap::new(), webhooks());
    while Instant::now() < until {
        sleep(LONGEST_PEACE.mul_f64(rng.f64())).await;
        let (how, behaviour) = webhooks.next().expect("they begin again");
        potret.fal().webhooks(behaviour);
        *figures.entry(format!("webhooks: {how}")).or_default() += 1;
        if let Some(function) = potret.stack.processes.kill_one(rng.usize(..)) {
            *figures.entry(format!("processes of {function} killed")).or_default() += 1;
        }
        if rng.bool() {
            let fault = FAULTS[rng.usize(..FAULTS.len())];
            potret.fal().inject(Injection { fault, skip: rng.u32(..3), times: Some(1) });
            *figures.entry(format!("fal: {fault:?}")).or_default() += 1;
        }
    }
    potret.fal().clear_faults();
    potret.fal().webhooks(WebhookBehaviour::default());
    figures
}

/// Runs heal-batches until then, more often than the stack does by itself.
async fn heal(potret: &Potret, until: Instant) {
    while Instant::now() < until {
        sleep(PAUSE_BETWEEN_RUNS).await;
        // A run may be killed, or fail.
        let _ = potret.call("heal-batches", &json!({})).await;
    }
}

/// Runs heal-batches until no asynchronous batch is pending, and counts how the batches ended.
async fn heal_every_batch(potret: &Potret) -> BTreeMap<String, u64> {
    let give_up = Instant::now() + ASYNC_LEASE + LAST_BATCHES_END_WITHIN;
    loop {
        let generations = potret.snapshot().await.generations;
        let batches = generations.iter().filter(|row| row["token_hashes"].is_array());
        let mut figures = BTreeMap::new();
        for row in batches {
            *figures.entry(format!("asynchronous batch: {}", row["status"])).or_default() += 1;
        }
        if !figures.contains_key("asynchronous batch: \"PENDING\"") {
            return figures;
        }
        assert!(Instant::now() < give_up, "a batch is pending for ever: {figures:?}");
        heal(potret, Instant::now() + PAUSE_BETWEEN_RUNS).await;
    }
}

/// Waits as long as the functions of killed processes may hold coins.
async fn wait_until_all_leases_have_passed(potret: &Potret) {
    let generations = potret.snapshot().await.generations;
    let leases = generations.iter().filter(|row| row["status"] == "PENDING");
    let last = leases.filter_map(|row| row["lease_until"].as_i64()).max().unwrap_or_default();
    let left = u64::try_from(last - Timestamp::now().as_millisecond()).unwrap_or_default();
    sleep(Duration::from_millis(left + 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the functions' release binaries and two minutes; .ci/run has both"]
#[expect(clippy::print_stdout, reason = "seed and figures are for whoever runs it")]
async fn real_processes_that_die_and_lose_replies_lose_no_coin_and_spend_none_twice() {
    let seed =
        environment("POTRET_SEED").map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    println!("seed {seed}: POTRET_SEED={seed} draws the same troubles again, though not at the same moments");
    let setup =
        Setup::default().binaries(binaries()).fal_takes(FAL_LATENCY).function_timeout(FUNCTION_TIMEOUT);
    let setup = setup.setting("FAILURES_PER_DAY", FAILURES_PER_DAY.to_string());
    let setup = setup.setting("PULL_AFTER_SECONDS", "2");
    let setup = setup.setting("ASYNC_LEASE_SECONDS", ASYNC_LEASE.as_secs().to_string());
    let Flaky { potret, dynamodb, behind: _behind } = Flaky::with(setup).await;
    let preferences = Mutex::new(Some(Rng::with_seed(seed ^ 0xA5C)));
    let processes = Processes { potret, auditor: Mutex::new(Auditor::new(FAILURES_PER_DAY)), preferences };
    let potret = &processes.potret;

    dynamodb.troubles().at_random(Chance::new(seed, ODDS, LONGEST_DELAY));
    let mut rng = Rng::with_seed(!seed);
    let until = Instant::now() + DAY.length;
    let ((), mut figures, ()) = tokio::join!(
        live(&processes, &DAY, &mut rng),
        kill_and_fail(potret, seed, until),
        heal(potret, until),
    );
    dynamodb.troubles().recover();
    potret.stack.lambda.drain(FUNCTION_TIMEOUT * 2).await;
    potret.fal().set_latency(Duration::ZERO);
    *processes.preferences.lock().expect("no panic") = None;
    figures.extend(heal_every_batch(potret).await);
    wait_until_all_leases_have_passed(potret).await;
    come_again(&processes).await;

    let snapshot = potret.snapshot().await;
    let violations = processes.auditor().close(&snapshot);
    figures.extend(processes.auditor().figures());
    figures.extend(dynamodb.troubles().met().clone());
    for (figure, number) in figures {
        println!("{number:>6}  {figure}");
    }
    assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    potret.audit().await;
    processes.potret.stack.stop().await.expect("a clean stop");
}
