//! Every point at which a generation can die: before and after each of its outgoing calls, one by one. Whatever the
//! point, the same key brings the pictures once the lease has passed, and no coin is lost or spent twice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use simulation::lambda::{Fate, Outcome};
use simulation::merchants::{PHOTO, ask, come_again, pay_once};
use simulation::network::Weather;
use simulation::servers::Mood;
use simulation::world::{World, in_paused_time};
use tokio::time::sleep;

const KEY: Option<&str> = Some("key");

/// A way that a request can go when nothing dies.
#[derive(Clone, Copy)]
struct Scenario {
    coins: u64,
    with_photos: bool,
    fal: Mood,
    /// Whether the same request was delivered before.
    repeated: bool,
    status: u16,
}

const SUCCESS: Scenario =
    Scenario { coins: 5, with_photos: false, fal: Mood::Quick, repeated: false, status: 200 };

async fn prepared(scenario: Scenario) -> (Arc<World>, Value) {
    let world = World::new(0, Weather::Calm).await;
    pay_once(&world, "merchant", scenario.coins, "payment", Fate::Lives).await;
    let mut body = json!({"prompt": "the prompt"});
    if scenario.with_photos {
        body["face_image"] = json!(PHOTO);
        body["product_images"] = json!([PHOTO]);
    }
    if scenario.repeated {
        ask(&world, "merchant", KEY, &body, Fate::Lives).await;
    }
    world.fal.be(scenario.fal);
    (world, body)
}

/// Runs the scenario undisturbed, then once for every point of death, and answers the calls that it makes.
fn every_point(scenario: Scenario) -> Vec<String> {
    let mut calls = in_paused_time(async || {
        let (world, body) = prepared(scenario).await;
        world.change_weather(Weather::Calm);
        let outcome = ask(&world, "merchant", KEY, &body, Fate::Lives).await;
        assert!(matches!(outcome, Outcome::Answer(status, _) if status == scenario.status), "{outcome:?}");
        world.calls()
    });
    for (nth, call) in calls.iter_mut().enumerate() {
        assert!(in_paused_time(async || die_and_come_again(scenario, nth, false).await), "before call {nth}");
        if !in_paused_time(async || die_and_come_again(scenario, nth, true).await) {
            call.push_str(", not waited for");
        }
    }
    calls
}

/// Whether the request died of it. When one picture has failed, the other's answer reaches nobody.
async fn die_and_come_again(scenario: Scenario, nth: usize, after: bool) -> bool {
    let point = format!("{} call {nth}", if after { "after" } else { "before" });
    let (world, body) = prepared(scenario).await;
    world.change_weather(Weather::Deadly { nth, after });
    let died = ask(&world, "merchant", KEY, &body, Fate::Lives).await == Outcome::Silence;

    // The longest that anybody waits: the function's time and the lease beyond it.
    sleep(world.time_limit() + Duration::from_secs(60) + Duration::from_millis(1)).await;
    world.change_weather(Weather::Calm);
    world.fal.be(Mood::Quick);
    let outcome = ask(&world, "merchant", KEY, &body, Fate::Lives).await;
    let wanted = if scenario.coins == 0 { 403 } else { 200 };
    assert!(matches!(outcome, Outcome::Answer(status, _) if status == wanted), "{point}: {outcome:?}");
    come_again(&world).await;
    if let Err(failure) = world.verdict() {
        panic!("{point}: {failure:#?}");
    }
    died
}

#[test]
fn a_success() {
    insta::assert_debug_snapshot!(every_point(SUCCESS), @r#"
    [
        "DynamoDB TransactWriteItems",
        "fal POST",
        "fal POST",
        "DynamoDB GetItem",
        "DynamoDB TransactWriteItems",
    ]
    "#);
}

#[test]
fn a_success_with_photos() {
    insta::assert_debug_snapshot!(every_point(Scenario { with_photos: true, ..SUCCESS }), @r#"
    [
        "DynamoDB TransactWriteItems",
        "S3 PUT",
        "S3 PUT",
        "DynamoDB GetItem",
        "fal POST",
        "fal POST",
        "DynamoDB TransactWriteItems",
    ]
    "#);
}

#[test]
fn a_failure() {
    insta::assert_debug_snapshot!(every_point(Scenario { fal: Mood::Broken, status: 502, ..SUCCESS }), @r#"
    [
        "DynamoDB TransactWriteItems",
        "fal POST",
        "fal POST, not waited for",
        "DynamoDB GetItem",
        "DynamoDB TransactWriteItems",
    ]
    "#);
}

#[test]
fn a_replay() {
    insta::assert_debug_snapshot!(every_point(Scenario { repeated: true, ..SUCCESS }), @r#"
    [
        "DynamoDB TransactWriteItems",
    ]
    "#);
}

#[test]
fn a_refusal() {
    insta::assert_debug_snapshot!(every_point(Scenario { coins: 0, status: 403, ..SUCCESS }), @r#"
    [
        "DynamoDB TransactWriteItems",
    ]
    "#);
}
