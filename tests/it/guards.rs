//! Every condition of the ledger by itself. Each test changes the tables by hand, so that one condition alone prevents a
//! change. Some of these states cannot occur while the other conditions hold.

use aws_sdk_dynamodb::types::AttributeValue;
use common::coins::Coins;
use common::generations::{Generation, Generations, QueuedPicture, Slot};
use common::ids::AttemptId;
use common::ledger::{Failure, Hold, HoldOutcome, HoldRefused, PictureRecorded, Released, SettleRefused};
use jiff::{SignedDuration, Timestamp};
use kit::records::{images, pending};
use serde_json::{Value, json};

use crate::harness::Potret;

/// A merchant with two coins, one of them held.
struct Held {
    potret: Potret,
    hold: Hold,
    generation: Generation,
    now: Timestamp,
}

impl Held {
    async fn begin() -> Self {
        Self::begin_at(Timestamp::now()).await
    }

    async fn begin_at(now: Timestamp) -> Self {
        let potret = Potret::start().await;
        potret.user_with("merchant", 2).await;
        let generation = pending("merchant", now);
        let outcome = potret.ledger().hold(&generation, now).await;
        let Ok(HoldOutcome::Held(hold)) = outcome else { panic!("held: {outcome:?}") };
        Self { potret, hold, generation, now }
    }

    async fn change_generation(&self, attribute: &str, value: Value) {
        let mut generation = self.potret.snapshot().await.generations.remove(0);
        generation[attribute] = value;
        self.potret.put(self.potret.tables().generations.name(), generation).await;
    }

    async fn change_profile(&self, expression: &str, value: AttributeValue) {
        let update = self.potret.dynamodb().update_item();
        let update = update.table_name(self.potret.tables().profiles.name()).update_expression(expression);
        let update = update.key("user_id", AttributeValue::S("merchant".to_owned()));
        update.expression_attribute_values(":v", value).send().await.expect("an update");
    }

    async fn settle(&self) -> Result<Coins, SettleRefused> {
        self.potret.ledger().settle(&self.hold, &images(), Some(Coins::new(2)), self.now).await
    }

    async fn settling_changes_nothing(&self) {
        let before = self.potret.snapshot().await;
        assert!(self.settle().await.is_err());
        assert_eq!(self.potret.snapshot().await, before);
    }

    /// Neither settling nor releasing does.
    async fn ending_changes_nothing(&self) {
        self.settling_changes_nothing().await;
        let before = self.potret.snapshot().await;
        let released = self.potret.ledger().release(&self.hold, Failure::ours("code"), self.now).await;
        assert!(!matches!(released, Ok(Released::WasSettled(_))));
        assert_eq!(self.potret.snapshot().await, before);
    }
}

/// Another attempt's id.
const ANOTHER: &str = "00000000-0000-4000-8000-000000000007";

#[tokio::test]
async fn a_generation_of_another_attempt_is_neither_settled_nor_released() {
    let held = Held::begin().await;
    held.change_generation("attempt_id", json!(ANOTHER)).await;
    held.ending_changes_nothing().await;
}

#[tokio::test]
async fn a_generation_that_has_ended_is_neither_settled_nor_released() {
    for status in ["FAILED", "EXPIRED", "SUCCEEDED"] {
        let held = Held::begin().await;
        held.change_generation("status", json!(status)).await;
        let before = held.potret.snapshot().await;
        drop(held.settle().await);
        drop(held.potret.ledger().release(&held.hold, Failure::ours("code"), held.now).await);
        assert_eq!(held.potret.snapshot().await, before, "{status}");
    }
}

#[tokio::test]
async fn a_generation_without_its_hold_is_neither_settled_nor_released() {
    let held = Held::begin().await;
    let hold = AttributeValue::Ss(vec![held.hold.to_string()]);
    held.change_profile("DELETE holds :v", hold).await;
    held.ending_changes_nothing().await;
}

#[tokio::test]
async fn an_attempt_that_was_charged_is_not_charged_again() {
    let held = Held::begin().await;
    let entry_id = format!("charge#{}", held.hold.attempt_id);
    let entry = json!({"entry_id": entry_id, "user_id": "merchant", "at": "now"});
    held.potret.put(held.potret.tables().ledger.name(), entry).await;
    held.settling_changes_nothing().await;
}

#[tokio::test]
async fn a_settle_subtracts_from_the_balance_in_the_table() {
    let held = Held::begin().await;
    let seven = AttributeValue::N("7".to_owned());
    held.change_profile("SET coins_balance = :v", seven).await;
    assert_eq!(held.settle().await.expect("settled"), Coins::new(6));
}

/// The lease is in the hold and in the generation's record. The longer one of the record counts.
#[tokio::test]
async fn coins_are_not_taken_back_within_the_lease_of_the_record() {
    let long_ago = Timestamp::now() - SignedDuration::from_secs(1_000);
    let held = Held::begin_at(long_ago).await;
    let later = Timestamp::now() + SignedDuration::from_secs(1_000);
    held.change_generation("lease_until", json!(later.as_millisecond())).await;
    let before = held.potret.snapshot().await;
    let now = Timestamp::now();
    // Two coins are not available, so the ledger looks for holds past their lease.
    let wanted = Generation { coins: Coins::new(2), ..pending("merchant", now) };
    assert!(held.potret.ledger().hold(&wanted, now).await.is_err());
    assert_eq!(held.potret.snapshot().await, before);
}

#[tokio::test]
async fn a_hold_needs_room_in_the_budget_for_the_failures_of_all_running_batches() {
    let held = Held::begin().await;
    let stamps: Vec<_> = (0..19).map(|number| format!("{}#{number}", held.now.as_millisecond())).collect();
    held.change_profile("SET failures = :v", AttributeValue::Ss(stamps)).await;
    let before = held.potret.snapshot().await;
    let another = pending("merchant", held.now);
    // 19 failures and a running batch are all that the budget of 20 has room for.
    let refused = held.potret.ledger().hold(&another, held.now).await;
    assert!(matches!(refused, Err(HoldRefused::TooManyFailures { .. })), "{refused:?}");
    assert_eq!(held.potret.snapshot().await, before);
    held.settle().await.expect("settled");
    let outcome = held.potret.ledger().hold(&another, held.now).await;
    assert!(matches!(outcome, Ok(HoldOutcome::Held(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_delivered_generation_does_not_begin_again() {
    let held = Held::begin().await;
    held.settle().await.expect("settled");
    let before = held.potret.snapshot().await;
    let again = Generation { attempt_id: AttemptId::random(), ..held.generation.clone() };
    let outcome = held.potret.ledger().hold(&again, Timestamp::now() + SignedDuration::from_secs(1)).await;
    assert!(matches!(outcome, Ok(HoldOutcome::Replay(_))), "{outcome:?}");
    assert_eq!(held.potret.snapshot().await, before);
}

/// A merchant with two coins, one of them held for an asynchronous batch.
async fn asynchronous() -> Held {
    let now = Timestamp::now();
    let potret = Potret::start().await;
    potret.user_with("merchant", 2).await;
    let queued = Some(Default::default());
    let generation = Generation {
        token_hashes: Some(Default::default()),
        queued,
        check_at: Some(now),
        ..pending("merchant", now)
    };
    let outcome = potret.ledger().hold(&generation, now).await;
    let Ok(HoldOutcome::Held(hold)) = outcome else { panic!("held: {outcome:?}") };
    Held { potret, hold, generation, now }
}

impl Held {
    async fn record(&self, slot: Slot, url: &str) -> PictureRecorded {
        self.potret.ledger().record_picture(&self.hold, slot, url, "job").await.expect("a decision")
    }

    /// No job becomes known, no picture is recorded and nobody takes a turn.
    async fn recording_changes_nothing(&self, why: &str) {
        let before = self.potret.snapshot().await;
        let ledger = self.potret.ledger();
        let jobs = ["1", "2"]
            .map(|id| QueuedPicture { request_id: Some(id.to_owned()), ..QueuedPicture::default() });
        ledger.record_jobs(&self.hold, &jobs).await.expect("a decision");
        for slot in Slot::BOTH {
            assert!(matches!(self.record(slot, "https://a/1").await, PictureRecorded::Late), "{why}");
        }
        let later = self.now + SignedDuration::from_secs(60);
        assert!(!ledger.take_turn(&self.hold, self.now, later).await.expect("a decision"), "{why}");
        assert_eq!(self.potret.snapshot().await, before, "{why}");
    }
}

#[tokio::test]
async fn nothing_is_recorded_for_another_attempt_or_one_that_has_ended() {
    for status in ["FAILED", "EXPIRED", "SUCCEEDED"] {
        let held = asynchronous().await;
        held.change_generation("status", json!(status)).await;
        held.recording_changes_nothing(status).await;
    }
    let held = asynchronous().await;
    held.change_generation("attempt_id", json!(ANOTHER)).await;
    held.recording_changes_nothing("another attempt").await;
}

#[tokio::test]
async fn the_second_picture_is_left_to_the_settle() {
    for (first, second) in [(Slot::First, Slot::Second), (Slot::Second, Slot::First)] {
        let held = asynchronous().await;
        assert!(matches!(held.record(first, "https://a/1").await, PictureRecorded::First));
        let before = held.potret.snapshot().await;
        // The same again, and even another picture for the same slot: the first one counts.
        assert!(matches!(held.record(first, "https://a/1").await, PictureRecorded::First));
        assert!(matches!(held.record(first, "https://a/3").await, PictureRecorded::First));
        let PictureRecorded::Second(pictures) = held.record(second, "https://a/2").await else {
            panic!("both")
        };
        assert_eq!(pictures[first.index()], "https://a/1");
        assert_eq!(pictures[second.index()], "https://a/2");
        assert_eq!(held.potret.snapshot().await, before);
    }
}

#[tokio::test]
async fn one_of_many_takes_the_turn_to_ask_fal() {
    let held = asynchronous().await;
    let ledger = held.potret.ledger();
    let later = held.now + SignedDuration::from_secs(60);
    let turns = (0..8).map(|_| ledger.take_turn(&held.hold, held.now, later));
    let taken =
        futures::future::join_all(turns).await.into_iter().filter(|turn| *turn.as_ref().expect("a decision"));
    assert_eq!(taken.count(), 1);
    assert!(!ledger.take_turn(&held.hold, held.now, later).await.expect("a decision"));
}

#[tokio::test]
async fn a_batch_that_has_ended_is_never_due() {
    let due = async |held: &Held| {
        let later = held.now + SignedDuration::from_secs(1);
        let generations = Generations::new(held.potret.dynamodb(), held.potret.tables().generations);
        generations.due(later, 10).await.expect("the index").len()
    };
    let held = asynchronous().await;
    assert_eq!(due(&held).await, 1);
    held.settle().await.expect("settled");
    assert_eq!(due(&held).await, 0);
    let held = asynchronous().await;
    held.potret.ledger().release(&held.hold, Failure::ours("code"), held.now).await.expect("released");
    assert_eq!(due(&held).await, 0);
    let held = asynchronous().await;
    held.potret
        .ledger()
        .expire(&held.hold, held.hold.lease_until + SignedDuration::from_secs(1))
        .await
        .expect("expired");
    assert_eq!(due(&held).await, 0);
}

#[tokio::test]
async fn nothing_expires_before_its_lease() {
    let held = asynchronous().await;
    let before = held.potret.snapshot().await;
    held.potret.ledger().expire(&held.hold, held.hold.lease_until).await.expect("a decision");
    assert_eq!(held.potret.snapshot().await, before);
}
