//! Every condition of the ledger by itself: the tables are brought by hand into a state in which this one condition
//! stands in the way, and it must. Some of these states cannot come about while all the others hold.

use aws_sdk_dynamodb::types::AttributeValue;
use common::coins::Coins;
use common::generations::Generation;
use common::ids::GenerationId;
use common::ledger::{Hold, HoldOutcome, Released, SettleRefused};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::crashes::pending;
use crate::harness::Potret;
use crate::rows::rows;

const IMAGES: [&str; 2] = ["https://a/1.jpg", "https://a/2.jpg"];

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
        let generation =
            pending("merchant", GenerationId::random(), now, now + SignedDuration::from_secs(89));
        let outcome = potret.ledger().hold(&generation, now).await;
        let Ok(HoldOutcome::Held(hold)) = outcome else { panic!("held: {outcome:?}") };
        Self { potret, hold, generation, now }
    }

    async fn change(&self, table: &str, expression: &str, value: AttributeValue) {
        let client = self.potret.stack.dynamodb.dynamodb();
        let update = client.update_item().table_name(table).key("user_id", text("merchant"));
        let update = match table == self.potret.tables().generations.name() {
            true => update.key("generation_id", text(&self.generation.generation_id.to_string())),
            false => update,
        };
        let update = update.update_expression(expression).expression_attribute_values(":v", value);
        let update = match expression.contains("#status") {
            true => update.expression_attribute_names("#status", "status"),
            false => update,
        };
        update.send().await.expect("an update");
    }

    async fn change_generation(&self, expression: &str, value: &str) {
        self.change(self.potret.tables().generations.name(), expression, text(value)).await;
    }

    async fn forget_hold(&self) {
        let element = AttributeValue::Ss(vec![self.hold.to_string()]);
        self.change(self.potret.tables().profiles.name(), "DELETE holds :v", element).await;
    }

    async fn everything(&self) -> Vec<Value> {
        let (client, tables) = (self.potret.stack.dynamodb.dynamodb(), self.potret.tables());
        let mut everything = Vec::new();
        for table in [tables.profiles.name(), tables.generations.name(), tables.ledger.name()] {
            everything.extend(rows(&client, table).await);
        }
        everything
    }

    async fn settle(&self) -> Result<Coins, SettleRefused> {
        let images = IMAGES.map(str::to_owned);
        self.potret.ledger().settle(&self.hold, &images, Some(Coins::new(2)), self.now).await
    }

    async fn settling_changes_nothing(&self) {
        let before = self.everything().await;
        assert!(self.settle().await.is_err());
        assert_eq!(self.everything().await, before);
    }

    async fn releasing_changes_nothing(&self) {
        let before = self.everything().await;
        let released = self.potret.ledger().release(&self.hold, "code", self.now).await;
        assert!(!matches!(released, Ok(Released::WasSettled(_))));
        assert_eq!(self.everything().await, before);
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Another attempt's id.
const ANOTHER: &str = "00000000-0000-4000-8000-000000000007";

#[tokio::test]
async fn what_another_attempt_has_taken_over_is_neither_settled_nor_released() {
    let held = Held::begin().await;
    held.change_generation("SET attempt_id = :v", ANOTHER).await;
    held.settling_changes_nothing().await;
    held.releasing_changes_nothing().await;
}

#[tokio::test]
async fn what_has_ended_is_neither_settled_nor_released() {
    for status in ["FAILED", "EXPIRED", "SUCCEEDED"] {
        let held = Held::begin().await;
        held.change_generation("SET #status = :v", status).await;
        let before = held.everything().await;
        drop(held.settle().await);
        drop(held.potret.ledger().release(&held.hold, "code", held.now).await);
        assert_eq!(held.everything().await, before, "{status}");
    }
}

#[tokio::test]
async fn without_its_own_hold_nothing_is_settled_or_released() {
    let held = Held::begin().await;
    held.forget_hold().await;
    held.settling_changes_nothing().await;
    held.releasing_changes_nothing().await;
}

#[tokio::test]
async fn an_attempt_that_was_charged_is_not_charged_again() {
    let held = Held::begin().await;
    let client = held.potret.stack.dynamodb.dynamodb();
    let entry = client.put_item().table_name(held.potret.tables().ledger.name());
    let entry = entry.item("entry_id", text(&format!("charge#{}", held.hold.attempt_id)));
    entry.item("user_id", text("merchant")).item("at", text("now")).send().await.expect("an entry");
    held.settling_changes_nothing().await;
}

#[tokio::test]
async fn a_settling_takes_from_the_balance_that_is_there() {
    let held = Held::begin().await;
    let seven = AttributeValue::N("7".to_owned());
    held.change(held.potret.tables().profiles.name(), "SET coins_balance = :v", seven).await;
    assert_eq!(held.settle().await.expect("settled"), Coins::new(6));
}

/// The lease is checked twice: by whoever finds the hold, and by the table. A lease that the table knows to be longer
/// counts.
#[tokio::test]
async fn coins_are_not_taken_back_within_the_lease_that_the_table_knows() {
    let long_ago = Timestamp::now() - SignedDuration::from_secs(1_000);
    let held = Held::begin_at(long_ago).await;
    let later = (Timestamp::now() + SignedDuration::from_secs(1_000)).as_millisecond();
    let later = AttributeValue::N(later.to_string());
    held.change(held.potret.tables().generations.name(), "SET lease_until = :v", later).await;
    let before = held.everything().await;
    let now = Timestamp::now();
    // Two coins are not available, so whoever wants them looks for dead holds.
    let wanted = Generation {
        coins: Coins::new(2),
        ..pending("merchant", GenerationId::random(), now, now + SignedDuration::from_secs(89))
    };
    assert!(held.potret.ledger().hold(&wanted, now).await.is_err());
    assert_eq!(held.everything().await, before);
}

#[tokio::test]
async fn what_was_delivered_is_not_begun_again() {
    let held = Held::begin().await;
    held.settle().await.expect("settled");
    let before = held.everything().await;
    let again = Generation { attempt_id: common::ids::AttemptId::random(), ..held.generation.clone() };
    let outcome = held.potret.ledger().hold(&again, Timestamp::now() + SignedDuration::from_secs(1)).await;
    assert!(matches!(outcome, Ok(HoldOutcome::Replay(_))), "{outcome:?}");
    assert_eq!(held.everything().await, before);
}
