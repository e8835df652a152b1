//! Lost replies, conflicts, dead functions: the coins are right afterwards.

use std::time::Duration;

use common::coins::Coins;
use common::generations::Generation;
use common::ids::GenerationId;
use common::ledger::{Failure, Hold, HoldOutcome, HoldRefused, Released, SettleRefused};
use fal_double::Fault;
use jiff::{SignedDuration, Timestamp};
use kit::records::{images, pending};
use kit::trouble::{Refusal, Trouble};
use serde_json::json;

use crate::flaky_dynamodb::Flaky;
use crate::harness::{A_PROMPT, Potret, Setup, User};

const TRANSACTION: &str = "TransactWriteItems";

/// More calls than the ledger makes for one transaction.
const ALL_TRIES: u32 = 6;

const THROTTLED: Trouble = Trouble::Refused(Refusal::Throttled);

const CONFLICT: Trouble = Trouble::Refused(Refusal::Conflict);

#[tokio::test]
async fn a_success_makes_three_calls_to_dynamodb_and_a_replay_one() {
    let (flaky, merchant) = two_coins(Setup::default()).await;
    let dynamodb = &flaky.dynamodb;
    dynamodb.troubles().take_calls();
    merchant.generate_with_key("k", &A_PROMPT).await;
    assert_eq!(dynamodb.troubles().take_calls(), ["TransactWriteItems", "GetItem", "TransactWriteItems"]);
    merchant.generate_with_key("k", &A_PROMPT).await;
    assert_eq!(dynamodb.troubles().take_calls(), ["TransactWriteItems"]);
}

/// A merchant with two coins, and DynamoDB behind the proxy.
async fn two_coins(setup: Setup) -> (Flaky, User) {
    let flaky = Flaky::with(setup).await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    (flaky, merchant)
}

#[tokio::test]
async fn a_batch_is_delivered_and_charged_once_in_spite_of_trouble() {
    let error = Trouble::Refused(Refusal::InternalError);
    let mut table = vec![
        ("GetItem", 0, 3, THROTTLED, false),
        (TRANSACTION, 0, 1, Trouble::ReplyLost, true),
        (TRANSACTION, 1, 1, Trouble::ReplyLost, true),
        (TRANSACTION, 1, ALL_TRIES, Trouble::ReplyLost, false),
    ];
    for trouble in [Trouble::ReplyLost, Trouble::RequestLost, CONFLICT, THROTTLED, error] {
        table.extend([0, 1].map(|transaction| (TRANSACTION, transaction, 1, trouble, false)));
    }
    for (operation, skip, times, trouble, forgets_tokens) in table {
        let (flaky, merchant) = two_coins(Setup::default()).await;
        let case =
            format!("{trouble:?}, {times} times after {skip} {operation}; no tokens: {forgets_tokens}");
        if forgets_tokens {
            flaky.dynamodb.forget_tokens();
        }
        flaky.plan(operation, skip, times, trouble);
        let answer = merchant.generate(&A_PROMPT).await;
        let remaining = &answer.body["remaining_coins"];
        assert_eq!((answer.status, remaining), (200, &json!(1)), "{case}: {}", answer.body);
        assert_eq!(flaky.potret.fal().requests().len(), 2, "{case}");
        flaky.potret.audit_with(&merchant, (1, 1)).await;
    }
}

#[tokio::test]
async fn a_hold_or_a_settle_that_fails_on_every_try_gets_try_again_and_costs_nothing() {
    for (transaction, trouble, pictures) in [
        (0, CONFLICT, 0),
        (0, THROTTLED, 0),
        (0, Trouble::ReplyLost, 0),
        (0, Trouble::RequestLost, 0),
        (1, THROTTLED, 2),
    ] {
        let (flaky, merchant) = two_coins(Setup::default()).await;
        flaky.plan(TRANSACTION, transaction, ALL_TRIES, trouble);
        let refused = merchant.generate(&A_PROMPT).await;
        let case = format!("{trouble:?} at transaction {transaction}");
        assert_eq!(refused.problem(), (503, "try_again"), "{case}");
        assert!(refused.header("retry-after").is_some(), "{case}");
        assert_eq!(flaky.potret.fal().requests().len(), pictures, "{case}");
        flaky.potret.audit_with(&merchant, (2, 2)).await;
    }
}

#[tokio::test]
async fn a_release_survives_a_lost_reply() {
    let (flaky, merchant) = two_coins(Setup::default()).await;
    flaky.dynamodb.forget_tokens();
    flaky.potret.fal_fails(Fault::InternalError);
    flaky.plan(TRANSACTION, 1, 1, Trouble::ReplyLost);
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), (502, "image_provider_failed"));
    flaky.potret.audit_with(&merchant, (2, 2)).await;
}

#[tokio::test]
async fn a_payment_survives_a_lost_reply() {
    let flaky = Flaky::start().await;
    flaky.dynamodb.forget_tokens();
    flaky.plan(TRANSACTION, 0, 1, Trouble::ReplyLost);
    let merchant = flaky.potret.user_with("merchant", 7).await;
    flaky.potret.audit_with(&merchant, (7, 7)).await;
}

#[tokio::test]
async fn a_settle_without_a_reply_gets_a_response_in_time_that_says_it_is_undecided() {
    let (flaky, merchant) = two_coins(Setup::default().function_timeout(Duration::from_secs(5))).await;
    flaky.plan(TRANSACTION, 1, ALL_TRIES, Trouble::NoReply);
    let answer = merchant.generate(&A_PROMPT).await;
    assert_eq!(answer.problem(), (503, "try_again"));
    assert!(answer.body["detail"].as_str().unwrap().contains("could not confirm"), "{}", answer.body);
    assert_eq!(merchant.coins().await, (2, 1), "held until the lease ends");
}

#[tokio::test]
async fn a_release_without_a_reply_does_not_hide_why_the_batch_failed() {
    let (flaky, merchant) = two_coins(Setup::default().function_timeout(Duration::from_secs(5))).await;
    flaky.potret.fal_fails(Fault::ContentPolicyViolation);
    flaky.plan(TRANSACTION, 1, ALL_TRIES, Trouble::NoReply);
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), (422, "content_rejected"));
    assert_eq!(merchant.coins().await, (2, 1), "held until the lease ends");
}

#[tokio::test]
async fn a_running_batch_holds_its_coin_until_a_minute_after_its_time_limit() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_secs(1)).with_merchant(1).await;
    let started = Timestamp::now();
    let (answer, ()) = tokio::join!(merchant.generate(&A_PROMPT), async {
        potret.fal_receives(1).await;
        let record = &potret.snapshot().await.generations[0];
        assert_eq!((&record["status"], record.get("expires_at")), (&json!("PENDING"), None));
        let lease = record["lease_until"].as_i64().expect("milliseconds") - started.as_millisecond();
        assert!((89_000..95_000).contains(&lease), "29 s for the function and 60 s on top: {lease}");
        let refused = merchant.generate(&A_PROMPT).await;
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
    let (potret, merchant) = Potret::with_merchant(1).await;
    let now = Timestamp::now();
    let pending = pending("merchant", now);
    let ledger = potret.ledger();
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&pending, now).await else { panic!("held") };
    assert!(matches!(ledger.release(&hold, Failure::ours("fal_failed"), now).await, Ok(Released::GivenBack)));
    assert!(ledger.hold(&pending, now).await.is_err());
    assert!(ledger.settle(&hold, &["late".to_owned()], Some(Coins::new(1)), now).await.is_err());
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn the_next_request_takes_back_the_coins_of_dead_functions() {
    let (potret, merchant) = Potret::with_merchant(4).await;
    for _ in 0..4 {
        potret.leave_an_expired_hold().await;
    }
    assert_eq!(merchant.coins().await, (4, 4), "expired holds can be spent");
    assert_eq!(merchant.generate(&A_PROMPT).await.body["remaining_coins"], 3);
    potret.audit_with(&merchant, (3, 3)).await;
}

#[tokio::test]
async fn a_batch_that_completes_after_its_lease_is_refused() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let dead = potret.leave_an_expired_hold().await;
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    // The function was not dead: it comes with its pictures.
    let hold = Hold::of(&dead);
    let late = potret.ledger().settle(&hold, &images(), None, Timestamp::now()).await;
    assert!(matches!(late, Err(SettleRefused::LeaseLost)), "{late:?}");
    let released = potret.ledger().release(&hold, Failure::ours("internal_error"), Timestamp::now()).await;
    assert!(matches!(released, Ok(Released::GivenBack)), "{released:?}");
    potret.audit_with(&merchant, (0, 0)).await;
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
    assert!(matches!(again, Err(HoldRefused::InProgress(_))));
    let now = Timestamp::now();
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&begun_at(now), now).await else { panic!("a hold") };
    ledger.settle(&hold, &images(), None, now).await.expect("settled");
    assert_eq!(potret.user("merchant").coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_the_batch() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_millis(600)).with_merchant(1).await;
    let impatient =
        tokio::time::timeout(Duration::from_millis(200), merchant.generate_with_key("k", &A_PROMPT));
    assert!(impatient.await.is_err());
    potret.stack.lambda.drain(Duration::from_secs(10)).await;
    let replay = merchant.generate_with_key("k", &A_PROMPT).await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn an_imported_row_without_available_coins_works() {
    let potret = Potret::start().await;
    let row = json!({"user_id": "old-customer", "coins_balance": 3, "email": "a@b"});
    potret.put(potret.tables().profiles.name(), row).await;
    let merchant = potret.user("old-customer");
    assert_eq!(merchant.coins().await, (3, 3));
    assert_eq!(merchant.generate(&A_PROMPT).await.body["remaining_coins"], 2);
    assert_eq!(merchant.coins().await, (2, 2));
    let profile = &potret.snapshot().await.profiles[0];
    assert_eq!(profile["email"], "a@b", "other attributes stay");
}
