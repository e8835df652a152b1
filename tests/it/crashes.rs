//! Lost replies, conflicts, dead functions: the coins are right afterwards.

use std::time::Duration;

use common::coins::Coins;
use common::generations::Generation;
use common::ids::GenerationId;
use common::ledger::{Hold, HoldOutcome, HoldRefused, Released, SettleRefused};
use fal_double::Fault;
use jiff::{SignedDuration, Timestamp};
use kit::records::{images, pending};
use kit::trouble::{Refusal, Trouble};
use serde_json::{Value, json};

use crate::flaky_dynamodb::Flaky;
use crate::harness::{Potret, Setup, a_prompt};

const TRANSACTION: &str = "TransactWriteItems";

/// More calls than the ledger makes for one transaction.
const ALL_TRIES: u32 = 6;

const THROTTLED: Trouble = Trouble::Refused(Refusal::Throttled);

const CONFLICT: Trouble = Trouble::Refused(Refusal::Conflict);

#[tokio::test]
async fn a_success_makes_three_calls_to_dynamodb_and_a_replay_one() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    let dynamodb = &flaky.dynamodb;
    dynamodb.troubles().take_calls();
    merchant.generate_with_key("k", &a_prompt()).await;
    assert_eq!(dynamodb.troubles().take_calls(), ["TransactWriteItems", "GetItem", "TransactWriteItems"]);
    merchant.generate_with_key("k", &a_prompt()).await;
    assert_eq!(dynamodb.troubles().take_calls(), ["TransactWriteItems"]);
    merchant.coins().await;
    assert_eq!(dynamodb.troubles().take_calls(), ["GetItem"]);
    merchant.last_prompt().await;
    assert_eq!(dynamodb.troubles().take_calls(), ["Query"]);
}

#[tokio::test]
async fn a_batch_survives_trouble_with_any_one_transaction() {
    let error = Trouble::Refused(Refusal::InternalError);
    for trouble in [Trouble::ReplyLost, Trouble::RequestLost, CONFLICT, THROTTLED, error] {
        for (transaction, name) in [(0, "hold"), (1, "settle")] {
            let flaky = Flaky::start().await;
            let merchant = flaky.potret.user_with("merchant", 2).await;
            flaky.plan(TRANSACTION, transaction, 1, trouble);
            let answer = merchant.generate(&a_prompt()).await;
            assert_eq!(answer.status, 200, "{trouble:?} at {name}: {}", answer.body);
            assert_eq!(answer.body["remaining_coins"], 1, "{trouble:?} at {name}");
            assert_eq!(merchant.coins().await, (1, 1), "{trouble:?} at {name}");
            assert_eq!(flaky.potret.fal().requests().len(), 2, "{trouble:?} at {name}");
            flaky.potret.audit().await;
        }
    }
}

#[tokio::test]
async fn a_lost_reply_is_recognised_without_request_tokens() {
    for (transaction, name) in [(0, "hold"), (1, "settle")] {
        let flaky = Flaky::start().await;
        flaky.dynamodb.forget_tokens();
        let merchant = flaky.potret.user_with("merchant", 2).await;
        flaky.plan(TRANSACTION, transaction, 1, Trouble::ReplyLost);
        let answer = merchant.generate(&a_prompt()).await;
        assert_eq!(
            (answer.status, &answer.body["remaining_coins"]),
            (200, &json!(1)),
            "{name}: {}",
            answer.body
        );
        assert_eq!(merchant.coins().await, (1, 1), "{name}");
        flaky.potret.audit().await;
    }
}

#[tokio::test]
async fn a_release_survives_a_lost_reply() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.dynamodb.forget_tokens();
    flaky.potret.fal_fails(Fault::InternalError);
    flaky.plan(TRANSACTION, 1, 1, Trouble::ReplyLost);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (502, "image_provider_failed"));
    assert_eq!(merchant.coins().await, (2, 2));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_payment_survives_a_lost_reply() {
    let flaky = Flaky::start().await;
    flaky.dynamodb.forget_tokens();
    flaky.plan(TRANSACTION, 0, 1, Trouble::ReplyLost);
    let merchant = flaky.potret.user_with("merchant", 7).await;
    assert_eq!(merchant.coins().await, (7, 7));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_hold_that_fails_on_every_try_gets_try_again() {
    for trouble in [CONFLICT, THROTTLED, Trouble::ReplyLost, Trouble::RequestLost] {
        let flaky = Flaky::start().await;
        let merchant = flaky.potret.user_with("merchant", 2).await;
        flaky.plan(TRANSACTION, 0, ALL_TRIES, trouble);
        let refused = merchant.generate(&a_prompt()).await;
        assert_eq!(refused.problem(), (503, "try_again"), "{trouble:?}");
        assert!(refused.header("retry-after").is_some());
        assert_eq!(merchant.coins().await, (2, 2), "{trouble:?}: nothing is held");
        assert!(flaky.potret.fal().requests().is_empty(), "{trouble:?}");
        flaky.potret.audit().await;
    }
}

#[tokio::test]
async fn a_settle_whose_replies_are_all_lost_is_delivered_and_paid_once() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.plan(TRANSACTION, 1, ALL_TRIES, Trouble::ReplyLost);
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!((answer.status, &answer.body["remaining_coins"]), (200, &json!(1)), "{}", answer.body);
    assert_eq!(merchant.coins().await, (1, 1));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_settle_that_fails_on_every_try_gives_the_coin_back() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.plan(TRANSACTION, 1, ALL_TRIES, THROTTLED);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (503, "try_again"));
    assert_eq!(merchant.coins().await, (2, 2));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_settle_without_a_reply_gets_a_response_in_time_that_says_it_is_undecided() {
    let flaky = Flaky::with(Setup::default().function_timeout(Duration::from_secs(5))).await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.plan(TRANSACTION, 1, ALL_TRIES, Trouble::NoReply);
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!(answer.problem(), (503, "try_again"));
    assert!(answer.body["detail"].as_str().unwrap().contains("could not confirm"), "{}", answer.body);
    assert_eq!(merchant.coins().await, (2, 1), "held until the lease ends");
}

#[tokio::test]
async fn a_release_without_a_reply_does_not_hide_why_the_batch_failed() {
    let flaky = Flaky::with(Setup::default().function_timeout(Duration::from_secs(5))).await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.potret.fal_fails(Fault::ContentPolicyViolation);
    flaky.plan(TRANSACTION, 1, ALL_TRIES, Trouble::NoReply);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (422, "content_rejected"));
    assert_eq!(merchant.coins().await, (2, 1), "held until the lease ends");
}

#[tokio::test]
async fn a_settle_finds_the_balance_when_the_read_before_it_failed() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 9).await;
    flaky.plan("GetItem", 0, 3, THROTTLED);
    assert_eq!(merchant.generate(&a_prompt()).await.body["remaining_coins"], 8);
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_running_batch_holds_its_coin_until_a_minute_after_its_time_limit() {
    let potret = Setup::default().fal_takes(Duration::from_secs(1)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let prompt = a_prompt();
    let started = Timestamp::now();
    let (answer, ()) = tokio::join!(merchant.generate(&prompt), async {
        while potret.fal().requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let record = &potret.snapshot().await.generations[0];
        assert_eq!((&record["status"], record.get("expires_at")), (&json!("PENDING"), None));
        let lease = record["lease_until"].as_i64().expect("milliseconds") - started.as_millisecond();
        assert!((89_000..95_000).contains(&lease), "29 s for the function and 60 s on top: {lease}");
        let refused = merchant.generate(&prompt).await;
        assert_eq!(refused.problem(), (403, "insufficient_coins"));
        assert_eq!(
            (&refused.body["coins_balance"], &refused.body["coins_available"]),
            (&json!(1), &json!(0))
        );
    });
    assert_eq!(answer.status, 200);
    potret.audit().await;
}

/// A hold whose function died long ago.
async fn expired_hold(potret: &Potret, user: &str) -> Generation {
    let then = Timestamp::now() - SignedDuration::from_secs(100);
    let pending = pending(user, then);
    assert!(matches!(potret.ledger().hold(&pending, then).await, Ok(HoldOutcome::Held(_))));
    pending
}

#[tokio::test]
async fn a_hold_that_arrives_after_its_attempt_failed_begins_nothing() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let now = Timestamp::now();
    let pending = pending("merchant", now);
    let ledger = potret.ledger();
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&pending, now).await else { panic!("held") };
    assert!(matches!(ledger.release(&hold, "fal_failed", now).await, Ok(Released::GivenBack)));
    assert!(ledger.hold(&pending, now).await.is_err());
    assert!(ledger.settle(&hold, &["late".to_owned()], Some(Coins::new(1)), now).await.is_err());
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

#[tokio::test]
async fn the_next_request_takes_back_the_coins_of_dead_functions() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 4).await;
    for _ in 0..4 {
        expired_hold(&potret, "merchant").await;
    }
    assert_eq!(merchant.coins().await, (4, 4), "expired holds can be spent");
    assert_eq!(merchant.generate(&a_prompt()).await.body["remaining_coins"], 3);
    assert_eq!(merchant.coins().await, (3, 3));
    potret.audit().await;
}

#[tokio::test]
async fn a_batch_that_completes_after_its_lease_is_refused() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let dead = expired_hold(&potret, "merchant").await;
    assert_eq!(merchant.generate(&a_prompt()).await.status, 200);
    // The function was not dead: it comes with its pictures.
    let hold = Hold::of(&dead);
    let late = potret.ledger().settle(&hold, &images(), None, Timestamp::now()).await;
    assert!(matches!(late, Err(SettleRefused::LeaseLost)), "{late:?}");
    let released = potret.ledger().release(&hold, "internal_error", Timestamp::now()).await;
    assert!(matches!(released, Ok(Released::GivenBack)), "{released:?}");
    assert_eq!(merchant.coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn a_key_whose_function_died_runs_again_after_the_lease() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    let ledger = potret.ledger();
    let id = GenerationId::random();
    let then = Timestamp::now() - SignedDuration::from_secs(100);
    let begun_at = |now| Generation { generation_id: id, ..pending("merchant", now) };
    let dead = begun_at(then);
    assert!(matches!(ledger.hold(&dead, then).await, Ok(HoldOutcome::Held(_))));
    let within_lease = then + SignedDuration::from_secs(50);
    let again = begun_at(within_lease);
    assert!(matches!(ledger.hold(&again, within_lease).await, Err(HoldRefused::InProgress)));
    let now = Timestamp::now();
    let again = begun_at(now);
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&again, now).await else { panic!("a hold") };
    ledger.settle(&hold, &images(), None, now).await.expect("settled");
    assert_eq!(potret.user("merchant").coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_the_batch() {
    let potret = Setup::default().fal_takes(Duration::from_millis(600)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let prompt = a_prompt();
    let impatient =
        tokio::time::timeout(Duration::from_millis(200), merchant.generate_with_key("k", &prompt));
    assert!(impatient.await.is_err());
    potret.stack.lambda.drain(Duration::from_secs(10)).await;
    let replay = merchant.generate_with_key("k", &prompt).await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    assert_eq!(merchant.coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn an_imported_row_without_available_coins_works() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let potret = Potret::start().await;
    let put = potret.stack.dynamodb.dynamodb().put_item().table_name(potret.tables().profiles.name());
    let put = put.item("user_id", AttributeValue::S("old-customer".into()));
    let put = put
        .item("coins_balance", AttributeValue::N("3".into()))
        .item("email", AttributeValue::S("a@b".into()));
    put.send().await.expect("a row");
    let merchant = potret.user("old-customer");
    assert_eq!(merchant.coins().await, (3, 3));
    assert_eq!(merchant.generate(&a_prompt()).await.body["remaining_coins"], 2);
    assert_eq!(merchant.coins().await, (2, 2));
    let profile = &potret.snapshot().await.profiles[0];
    assert_eq!(profile["email"], "a@b", "other attributes stay");
}
