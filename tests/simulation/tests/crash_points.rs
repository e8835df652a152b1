//! Every point at which a generation can die: before and after each of its outgoing calls, one by one. At each point,
//! the same key brings the pictures once the lease has passed, and no coin is lost or spent twice.

use std::sync::Arc;
use std::time::Duration;

use kit::merchants::{PHOTO, Payment, ask, come_again, pay};
use serde_json::{Value, json};
use simulation::preferences::Preferences;
use simulation::servers::FalBehaviour;
use simulation::time::in_paused_time;
use simulation::world::{ASYNC_LEASE, CrashPoint, Moment, World};
use tokio::time::sleep;

/// What is promised: a dead function's coins can be spent again so long after it had to end.
const LEASE_AFTER_THE_TIME_LIMIT: Duration = Duration::from_secs(60);

/// A request, and how it goes when nothing dies.
#[derive(Clone, Copy)]
struct Scenario {
    coins: u64,
    with_photos: bool,
    fal: FalBehaviour,
    /// Whether the same request was delivered before.
    repeated: bool,
    status: u16,
}

const SUCCESS: Scenario =
    Scenario { coins: 5, with_photos: false, fal: FalBehaviour::Quick, repeated: false, status: 200 };

/// The status of the response to the request.
async fn status(world: &World, body: &Value) -> Option<u16> {
    ask(world, "merchant", Some("key"), body).await.map(|response| response.status)
}

async fn prepared(scenario: Scenario) -> (Arc<World>, Value) {
    let world = World::new(0).await;
    if scenario.coins > 0 {
        pay(&*world, &Payment::new("merchant", scenario.coins, "payment")).await;
    }
    let mut body = json!({"prompt": "the prompt"});
    if scenario.with_photos {
        body["face_image"] = json!(PHOTO);
        body["product_images"] = json!([PHOTO]);
    }
    if scenario.repeated {
        status(&world, &body).await;
    }
    world.fal.behave(scenario.fal);
    (world, body)
}

/// Runs the scenario undisturbed, then once for every crash point, and lists the calls that it makes.
fn every_point(scenario: Scenario) -> Vec<String> {
    let mut calls = in_paused_time(async || {
        let (world, body) = prepared(scenario).await;
        world.take_calls();
        assert_eq!(status(&world, &body).await, Some(scenario.status));
        world.take_calls()
    });
    for (skip, call) in calls.iter_mut().enumerate() {
        let before = CrashPoint { skip, moment: Moment::BeforeRequest };
        assert!(in_paused_time(async || dies_and_comes_again(scenario, before).await), "{before:?}");
        let after = CrashPoint { skip, moment: Moment::AfterReply };
        if !in_paused_time(async || dies_and_comes_again(scenario, after).await) {
            call.push_str(", not waited for");
        }
    }
    calls
}

/// Whether the request died. When one picture has failed, nobody waits for the other's response.
async fn dies_and_comes_again(scenario: Scenario, point: CrashPoint) -> bool {
    let (world, body) = prepared(scenario).await;
    world.crash_at(point);
    let died = status(&world, &body).await.is_none();
    sleep(world.time_limit("generate-image") + LEASE_AFTER_THE_TIME_LIMIT + Duration::from_millis(1)).await;
    world.recover();
    let expected = if scenario.coins == 0 { 403 } else { 200 };
    assert_eq!(status(&world, &body).await, Some(expected), "{point:?}");
    come_again(&*world).await;
    if let Err(failure) = world.verdict() {
        panic!("{point:?}: {failure:#?}");
    }
    died
}

const HOLD: &str = "DynamoDB TransactWriteItems";
const SETTLE: &str = HOLD;
const RELEASE: &str = HOLD;
const BALANCE: &str = "DynamoDB GetItem";
const PICTURE: &str = "fal POST";
const PHOTO_UPLOAD: &str = "S3 PUT";
const PHOTO_DELETION: &str = "S3 DELETE";

#[test]
fn a_success_survives_a_death_at_every_point() {
    assert_eq!(every_point(SUCCESS), [HOLD, PICTURE, PICTURE, BALANCE, SETTLE]);
}

#[test]
fn a_success_with_photos_survives_a_death_at_every_point() {
    // The record of an earlier request with this key, and the balance, before the photos are read.
    let before = ["DynamoDB GetItem", BALANCE];
    let made = [HOLD, PHOTO_UPLOAD, PHOTO_UPLOAD, BALANCE, PICTURE, PICTURE];
    let ended = [SETTLE, PHOTO_DELETION, PHOTO_DELETION];
    let calls = [&before[..], &made, &ended].concat();
    assert_eq!(every_point(Scenario { with_photos: true, ..SUCCESS }), calls);
}

#[test]
fn a_failure_survives_a_death_at_every_point() {
    let failure = Scenario { fal: FalBehaviour::Broken, status: 502, ..SUCCESS };
    assert_eq!(every_point(failure), [HOLD, PICTURE, "fal POST, not waited for", BALANCE, RELEASE]);
}

#[test]
fn a_replay_survives_a_death_at_every_point() {
    assert_eq!(every_point(Scenario { repeated: true, ..SUCCESS }), [HOLD]);
}

#[test]
fn a_refusal_survives_a_death_at_every_point() {
    assert_eq!(every_point(Scenario { coins: 0, status: 403, ..SUCCESS }), [HOLD]);
}

/// Longer than fal repeats a webhook here.
const WEBHOOKS_HAVE_COME: Duration = Duration::from_secs(70);

const JOBS: &str = "DynamoDB UpdateItem";
const READ: &str = "DynamoDB GetItem";
const FIRST_PICTURE: &str = "DynamoDB UpdateItem";

/// A world in which one merchant starts an asynchronous batch, and what the response to that is.
async fn started(fal: FalBehaviour, crash: Option<CrashPoint>) -> (Arc<World>, Option<u16>) {
    let (world, body) = prepared(Scenario { fal, ..SUCCESS }).await;
    world.prefer(Preferences::Always);
    world.take_calls();
    if let Some(point) = crash {
        world.crash_at(point);
    }
    let response = status(&world, &body).await;
    (world, response)
}

/// How the one batch has ended.
fn ended(world: &World) -> String {
    world.snapshot().generations[0]["status"].as_str().unwrap_or_default().to_owned()
}

/// The same key brings the pictures, the rest of the coins can be spent, and nothing was lost or paid twice.
async fn all_is_well(world: &World, point: CrashPoint) {
    sleep(ASYNC_LEASE).await;
    world.recover();
    assert_eq!(status(world, &json!({"prompt": "the prompt"})).await, Some(200), "{point:?}");
    come_again(world).await;
    if let Err(failure) = world.verdict() {
        panic!("{point:?}: {failure:#?}");
    }
}

fn points(calls: usize) -> impl Iterator<Item = CrashPoint> {
    let moments = [Moment::BeforeRequest, Moment::AfterReply];
    (0..calls).flat_map(move |skip| moments.map(|moment| CrashPoint { skip, moment }))
}

/// Once fal has both jobs, the batch is delivered and paid, whether the function that submitted them has recorded that
/// or not. Before that, it is free.
#[test]
fn a_submission_survives_a_death_at_every_point() {
    let calls = in_paused_time(async || {
        let (world, response) = started(FalBehaviour::Quick, None).await;
        assert_eq!(response, Some(202));
        world.take_calls()
    });
    assert_eq!(calls, [HOLD, PICTURE, PICTURE, JOBS]);
    for point in points(calls.len()) {
        in_paused_time(async || {
            let (world, response) = started(FalBehaviour::Quick, Some(point)).await;
            assert_eq!(response, None, "{point:?}");
            sleep(WEBHOOKS_HAVE_COME).await;
            match world.queue.jobs() {
                2 => assert_eq!(ended(&world), "SUCCEEDED", "{point:?}"),
                _ => assert_ne!(
                    world.snapshot().generations.first().map(|_| ended(&world)),
                    Some("SUCCEEDED".to_owned())
                ),
            }
            all_is_well(&world, point).await;
        });
    }
}

/// Runs the batch to its end by webhooks, once for every point at which a function dies that a webhook has invoked.
fn webhooks(fal: FalBehaviour, end: &str) -> Vec<String> {
    let calls = in_paused_time(async || {
        let (world, _) = started(fal, None).await;
        world.take_calls();
        sleep(WEBHOOKS_HAVE_COME).await;
        assert_eq!(ended(&world), end);
        world.take_calls()
    });
    for point in points(calls.len()) {
        in_paused_time(async || {
            let (world, _) = started(fal, None).await;
            world.crash_at(point);
            sleep(WEBHOOKS_HAVE_COME).await;
            assert_eq!(ended(&world), end, "{point:?}");
            all_is_well(&world, point).await;
        });
    }
    calls
}

#[test]
fn a_webhook_survives_a_death_at_every_point() {
    let keys = "fal GET";
    let both = [READ, READ, keys, keys, FIRST_PICTURE, FIRST_PICTURE, BALANCE, SETTLE];
    assert_eq!(webhooks(FalBehaviour::Quick, "SUCCEEDED"), both);
}

#[test]
fn a_webhook_about_a_failure_survives_a_death_at_every_point() {
    let (keys, cancel) = ("fal GET", "fal PUT");
    let both = [READ, READ, keys, keys, RELEASE, RELEASE, cancel, cancel];
    assert_eq!(webhooks(FalBehaviour::Broken, "FAILED"), both);
}

/// No webhook comes, and nobody asks: the run once a minute ends the batch, although it dies somewhere.
#[test]
fn a_pull_survives_a_death_at_every_point() {
    let minute = Duration::from_secs(60);
    let calls = in_paused_time(async || {
        let (world, _) = started(FalBehaviour::Silent, None).await;
        sleep(minute).await;
        world.take_calls();
        world.heal().await;
        assert_eq!(ended(&world), "SUCCEEDED");
        world.take_calls()
    });
    let (due, turn, state) = ("DynamoDB Query", "DynamoDB UpdateItem", "fal GET");
    let pull = [due, READ, turn, state, state, state, state, FIRST_PICTURE, BALANCE, SETTLE, READ];
    assert_eq!(calls, pull);
    for point in points(calls.len()) {
        in_paused_time(async || {
            let (world, _) = started(FalBehaviour::Silent, None).await;
            sleep(minute).await;
            world.crash_at(point);
            world.heal().await;
            sleep(minute).await;
            world.heal().await;
            assert_eq!(ended(&world), "SUCCEEDED", "{point:?}");
            all_is_well(&world, point).await;
        });
    }
}
