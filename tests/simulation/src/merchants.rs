//! The merchants: who comes when, wants what, and what they do when they are told to come again.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::auditor::{Asked, Paid};
use crate::lambda::{Fate, Outcome};
use crate::network::Weather;
use crate::servers::Mood;
use crate::world::World;

/// How long everybody takes to come: all in one rush, in a minute, or so slowly that leases pass meanwhile.
const DAYS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(60), Duration::from_secs(240)];

/// A function's time, its lease after that, and what may still be on its way.
const ALL_LEASES_HAVE_PASSED: Duration = Duration::from_secs(150);

/// The smallest picture that there is: one pixel.
pub const PHOTO: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A day: everybody comes when and as the seed says.
pub async fn live(world: &Arc<World>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let users = rng.usize(1..=3);
    for user in 0..users {
        let name = format!("merchant-{user}");
        pay(world, &name, rng.u64(1..=5), &format!("first-{user}"), &mut rng.fork()).await;
    }
    let day = DAYS[rng.usize(0..DAYS.len())];
    let visits = (0..rng.usize(3..=14)).map(|number| {
        let mut rng = rng.fork();
        async move {
            let user = format!("merchant-{}", rng.usize(0..users));
            sleep(day.mul_f64(rng.f64())).await;
            match rng.u8(0..10) {
                0 => look_at_balance(world, &user).await,
                1 | 2 => {
                    let reference = rng.u8(0..3);
                    pay(world, &user, 2, &format!("{user}-payment-{reference}"), &mut rng).await;
                }
                _ => visit(world, &user, number, &mut rng).await,
            }
        }
    });
    join_all(visits.collect::<Vec<_>>()).await;
}

/// After all trouble: whoever has coins can spend every one of them, and nothing stays held.
pub async fn come_again(world: &Arc<World>) {
    sleep(ALL_LEASES_HAVE_PASSED).await;
    world.change_weather(Weather::Calm);
    world.fal.be(Mood::Quick);
    let users: Vec<_> =
        world.tables().profiles.iter().filter_map(|row| row["user_id"].as_str().map(str::to_owned)).collect();
    for user in users {
        for number in 0..=world.tables().balance(&user) / world.price {
            let balance = world.tables().balance(&user);
            let body = prompt(&format!("{user} spends the rest, {number}"), false);
            let outcome = ask(world, &user, None, &body, Fate::Lives).await;
            let wanted = if balance >= world.price { 200 } else { 403 };
            if !matches!(&outcome, Outcome::Answer(status, _) if *status == wanted) {
                let why = format!("{user} has {balance} coins and no trouble, and gets {outcome:?}");
                world.auditor.lock().expect("no panic").violated(why);
            }
        }
    }
}

/// A merchant wants a batch, and tries again when told to, or when nothing comes.
async fn visit(world: &Arc<World>, user: &str, number: usize, rng: &mut Rng) {
    let with_photo = rng.u8(0..4) == 0;
    // Few keys and few bodies, so that they meet each other.
    let key = rng.u8(0..6);
    let key = (key < 3).then(|| format!("key-{key}"));
    let version = rng.u8(0..8) / 7;
    for attempt in 0..rng.u8(1..=4) {
        let prompt_text = match &key {
            Some(key) => format!("{user} {key} version {version}"),
            None => format!("{user} visit {number} attempt {attempt}"),
        };
        let body = prompt(&prompt_text, with_photo && key.is_none());
        let fate = fate(rng);
        let outcome = ask(world, user, key.as_deref(), &body, fate).await;
        if fate == Fate::Lives && outcome == Outcome::Silence {
            let why = format!("{prompt_text:?} got no answer, and nothing died");
            world.auditor.lock().expect("no panic").violated(why);
        }
        match outcome {
            Outcome::Answer(409 | 429 | 500..=599, _) | Outcome::Silence => {
                sleep(Duration::from_millis(rng.u64(100..40_000))).await;
            }
            Outcome::Answer(..) => break,
        }
    }
}

fn prompt(text: &str, with_photo: bool) -> Value {
    if with_photo { json!({"prompt": text, "face_image": PHOTO}) } else { json!({"prompt": text}) }
}

fn fate(rng: &mut Rng) -> Fate {
    match rng.u8(0..8) {
        0 => Fate::DiesAtPoll(rng.u32(1..30)),
        1 => Fate::DiesAfter(Duration::from_millis(rng.u64(1..15_000))),
        _ => Fate::Lives,
    }
}

/// Asks for a batch, and tells the auditor.
pub async fn ask(world: &Arc<World>, user: &str, key: Option<&str>, body: &Value, fate: Fate) -> Outcome {
    let from = world.now();
    let outcome = world.instance().generate(user, key, body, fate).await;
    let prompt = body["prompt"].as_str().unwrap_or_default().to_owned();
    let told = match &outcome {
        Outcome::Silence => "silence".to_owned(),
        Outcome::Answer(status, body) => format!("{status} {}", body["code"].as_str().unwrap_or_default()),
    };
    world.note(format!("{prompt:?} was answered: {told}"));
    world.count(format!("answer: {told}"));
    let asked = Asked {
        user: user.to_owned(),
        key: key.map(str::to_owned),
        prompt,
        from,
        until: world.now(),
        outcome: outcome.clone(),
    };
    world.auditor.lock().expect("no panic").asked(asked);
    outcome
}

/// A payment arrives, and its webhook repeats it a few times, sometimes even when it was confirmed.
async fn pay(world: &Arc<World>, user: &str, coins: u64, reference: &str, rng: &mut Rng) {
    for _ in 0..rng.u8(2..=4) {
        let confirmed = pay_once(world, user, coins, reference, fate(rng)).await;
        if confirmed && rng.bool() {
            break;
        }
        sleep(Duration::from_millis(rng.u64(100..20_000))).await;
    }
}

/// Credits a payment, tells the auditor, and answers whether it was confirmed.
pub async fn pay_once(world: &Arc<World>, user: &str, coins: u64, reference: &str, fate: Fate) -> bool {
    let outcome = world.instance().add_coins(user, coins, reference, fate).await;
    world.note(format!("payment {reference} was answered: {outcome:?}"));
    let confirmed = matches!(outcome, Outcome::Answer(200, _));
    world.count(format!("payment: {}", if confirmed { "confirmed" } else { "not confirmed" }));
    let paid = Paid { user: user.to_owned(), coins, reference: reference.to_owned(), outcome };
    world.auditor.lock().expect("no panic").paid(paid);
    confirmed
}

async fn look_at_balance(world: &Arc<World>, user: &str) {
    let from = world.now();
    if let Outcome::Answer(200, body) = world.instance().balance(user).await {
        let mut auditor = world.auditor.lock().expect("no panic");
        auditor.told_balance(user, from, world.now(), &body);
    }
}
