//! Lost replies, conflicts, dead functions: the coins are right afterwards.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use common::coins::Coins;
use common::generations::Generation;
use common::ids::GenerationId;
use common::ledger::{Hold, HoldOutcome, HoldRefused, Released, SettleRefused};
use fal_double::Fault;
use jiff::{SignedDuration, Timestamp};
use kit::records::{images, pending};
use kit::trouble::{Refusal, Trouble};
use serde_json::json;

use crate::flaky_dynamodb::Flaky;
use crate::harness::{Potret, Response, Setup, a_prompt};

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

/// A merchant with two coins, and DynamoDB behind the proxy.
async fn two_coins() -> Flaky {
    let flaky = Flaky::start().await;
    flaky.potret.user_with("merchant", 2).await;
    flaky
}

/// The merchant's batch is delivered and charged once.
async fn delivers(flaky: &Flaky, under: &str) {
    let merchant = flaky.potret.user("merchant");
    let answer = merchant.generate(&a_prompt()).await;
    let remaining = &answer.body["remaining_coins"];
    assert_eq!((answer.status, remaining), (200, &json!(1)), "{under}: {}", answer.body);
    assert_eq!(merchant.coins().await, (1, 1), "{under}");
    assert_eq!(flaky.potret.fal().requests().len(), 2, "{under}");
    flaky.potret.audit().await;
}

/// The merchant's batch fails, and nothing is charged or held.
async fn fails(flaky: &Flaky, problem: (u16, &str), under: &str) -> Response {
    let merchant = flaky.potret.user("merchant");
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!(answer.problem(), problem, "{under}");
    assert_eq!(merchant.coins().await, (2, 2), "{under}");
    flaky.potret.audit().await;
    answer
}

#[tokio::test]
async fn a_batch_survives_trouble_with_any_one_transaction() {
    let error = Trouble::Refused(Refusal::InternalError);
    for trouble in [Trouble::ReplyLost, Trouble::RequestLost, CONFLICT, THROTTLED, error] {
        for (transaction, name) in [(0, "hold"), (1, "settle")] {
            let flaky = two_coins().await;
            flaky.plan(TRANSACTION, transaction, 1, trouble);
            delivers(&flaky, &format!("{trouble:?} at {name}")).await;
        }
    }
}

#[tokio::test]
async fn a_lost_reply_is_recognised_without_request_tokens() {
    for (transaction, name) in [(0, "hold"), (1, "settle")] {
        let flaky = two_coins().await;
        flaky.dynamodb.forget_tokens();
        flaky.plan(TRANSACTION, transaction, 1, Trouble::ReplyLost);
        delivers(&flaky, name).await;
    }
}

#[tokio::test]
async fn a_release_survives_a_lost_reply() {
    let flaky = two_coins().await;
    flaky.dynamodb.forget_tokens();
    flaky.potret.fal_fails(Fault::InternalError);
    flaky.plan(TRANSACTION, 1, 1, Trouble::ReplyLost);
    fails(&flaky, (502, "image_provider_failed"), "a lost reply").await;
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
        let flaky = two_coins().await;
        flaky.plan(TRANSACTION, 0, ALL_TRIES, trouble);
        let refused = fails(&flaky, (503, "try_again"), &format!("{trouble:?}")).await;
        assert!(refused.header("retry-after").is_some());
        assert!(flaky.potret.fal().requests().is_empty(), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_settle_whose_replies_are_all_lost_is_delivered_and_charged_once() {
    let flaky = two_coins().await;
    flaky.plan(TRANSACTION, 1, ALL_TRIES, Trouble::ReplyLost);
    delivers(&flaky, "lost replies").await;
}

#[tokio::test]
async fn a_settle_that_fails_on_every_try_gives_the_coin_back() {
    let flaky = two_coins().await;
    flaky.plan(TRANSACTION, 1, ALL_TRIES, THROTTLED);
    fails(&flaky, (503, "try_again"), "throttling").await;
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
    let flaky = two_coins().await;
    flaky.plan("GetItem", 0, 3, THROTTLED);
    delivers(&flaky, "a failed read").await;
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
        potret.leave_an_expired_hold().await;
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
    let dead = potret.leave_an_expired_hold().await;
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
    assert!(matches!(ledger.hold(&begun_at(then), then).await, Ok(HoldOutcome::Held(_))));
    let within_lease = then + SignedDuration::from_secs(50);
    let again = ledger.hold(&begun_at(within_lease), within_lease).await;
    assert!(matches!(again, Err(HoldRefused::InProgress)));
    let now = Timestamp::now();
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&begun_at(now), now).await else { panic!("a hold") };
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
