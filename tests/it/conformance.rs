//! The model of the coins and the ledger itself, side by side: after every call they agree on its outcome and
//! on all items. So neither can be changed without the other.

mod tables;
mod walk;

use std::collections::BTreeSet;

use model::Scenario;
use model::jobs::QUEUE_KEY;
use model::state::REQUESTS;

use crate::harness::Potret;
use walk::Walk;

/// Each is of a user of its own.
const WALKS: u64 = 20;

const CALLS_PER_WALK: usize = 40;

/// Four attempts under three keys, with two bodies and two prices, and a payment that is repeated.
fn any_scenario(random: &mut fastrand::Rng) -> Scenario {
    let mut scenario = Scenario::new(random.i8(0..5), "A1 A1 B1").prices([1, 2, 1]).top_up(2);
    for (attempt, request) in scenario.requests.iter_mut().enumerate() {
        request.key = if attempt == REQUESTS { REQUESTS } else { usize::from(random.u8(0..3) == 0) };
        request.body = u8::from(random.u8(0..4) == 0);
        request.price = random.i8(1..3);
        request.asynchronous = request.key == QUEUE_KEY && random.u8(0..4) > 0;
    }
    let scenario = scenario.budget(random.usize(1..4));
    if random.bool() { scenario.new_user() } else { scenario }
}

#[tokio::test]
async fn the_ledger_does_what_the_model_does() {
    let potret = Potret::start().await;
    let mut outcomes = BTreeSet::new();
    for seed in 0..WALKS {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut walk = Walk::begin(&potret, seed, any_scenario(&mut random)).await;
        for _ in 0..CALLS_PER_WALK {
            walk.any_call(&mut random).await;
            assert_eq!(walk.stored().await, walk.state.items, "walk {seed}: {:#?}", walk.calls);
        }
        outcomes.extend(walk.outcomes);
    }
    let everything = [
        "AskFal(None",
        "Done(Credited",
        "Done(Delivered",
        "Done(Failed",
        "Done(InProgress",
        "Done(InsufficientCoins",
        "Done(KeyReused",
        "Done(LeaseLost",
        "Done(Replayed",
        "Done(TooManyFailures",
        "Done(TryAgain",
        "Expired",
        "FirstPicture",
        "Hold",
        "JobsRecorded",
        "PictureTooLate",
        "Release(LostSettle",
        "SecondPicture",
        "Submit",
        "TurnMissed",
        "TurnTaken",
    ];
    assert_eq!(Vec::from_iter(outcomes), everything, "the walks reach every outcome");
}
