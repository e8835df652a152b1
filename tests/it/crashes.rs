//! Lost replies, conflicts, dead functions: the coins are right afterwards.

use std::time::Duration;

use common::coins::Coins;
use common::generations::{Generation, Job, Mode, PhotoCount, Status};
use common::identity::UserId;
use common::ids::{AttemptId, GenerationId};
use common::ledger::{HoldOutcome, Released};
use fal_double::Fault;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::flaky_dynamodb::{FlakyDynamoDb, Plan, Trouble};
use crate::harness::{Potret, Setup, a_prompt};

/// A stack whose DynamoDB fails on request.
struct Flaky {
    potret: Potret,
    dynamodb: FlakyDynamoDb,
    /// Keeps the tables alive.
    _behind: Potret,
}

impl Flaky {
    async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let behind = Potret::start().await;
        let dynamodb = FlakyDynamoDb::before(behind.stack.dynamodb.endpoint()).await;
        let setup = setup.setting("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint.as_str());
        Self { potret: setup.start().await, dynamodb, _behind: behind }
    }

    fn transaction(&self, skip: u32, times: u32, trouble: Trouble) {
        self.dynamodb.plan(Plan { operation: "TransactWriteItems", trouble, skip, times });
    }
}

#[tokio::test]
async fn a_success_takes_three_calls_of_the_database_and_a_replay_one() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    let dynamodb = &flaky.dynamodb;
    dynamodb.take_calls();
    merchant.generate_with_key("k", &a_prompt()).await;
    assert_eq!(dynamodb.take_calls(), ["TransactWriteItems", "GetItem", "TransactWriteItems"]);
    merchant.generate_with_key("k", &a_prompt()).await;
    assert_eq!(dynamodb.take_calls(), ["TransactWriteItems"]);
    merchant.coins().await;
    assert_eq!(dynamodb.take_calls(), ["GetItem"]);
    merchant.last_prompt().await;
    assert_eq!(dynamodb.take_calls(), ["Query"]);
}

#[tokio::test]
async fn one_trouble_at_any_transaction_is_survived() {
    let troubles = [
        Trouble::LoseReply,
        Trouble::LoseRequest,
        Trouble::Conflict,
        Trouble::Throttle,
        Trouble::InternalError,
    ];
    for trouble in troubles {
        for (transaction, name) in [(0, "hold"), (1, "settle")] {
            let flaky = Flaky::start().await;
            let merchant = flaky.potret.user_with("merchant", 2).await;
            flaky.transaction(transaction, 1, trouble);
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
async fn a_lost_reply_is_recognised_without_the_help_of_request_tokens() {
    for (transaction, name) in [(0, "hold"), (1, "settle")] {
        let flaky = Flaky::start().await;
        flaky.dynamodb.forget_tokens();
        let merchant = flaky.potret.user_with("merchant", 2).await;
        flaky.transaction(transaction, 1, Trouble::LoseReply);
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
    flaky.transaction(1, 1, Trouble::LoseReply);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (502, "image_provider_failed"));
    assert_eq!(merchant.coins().await, (2, 2));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_payment_survives_a_lost_reply() {
    let flaky = Flaky::start().await;
    flaky.dynamodb.forget_tokens();
    flaky.transaction(0, 1, Trouble::LoseReply);
    let merchant = flaky.potret.user_with("merchant", 7).await;
    assert_eq!(merchant.coins().await, (7, 7));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_hold_that_cannot_be_had_is_answered_with_try_again() {
    for trouble in [Trouble::Conflict, Trouble::Throttle, Trouble::LoseReply, Trouble::LoseRequest] {
        let flaky = Flaky::start().await;
        let merchant = flaky.potret.user_with("merchant", 2).await;
        flaky.transaction(0, 6, trouble);
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
    flaky.transaction(1, 6, Trouble::LoseReply);
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!((answer.status, &answer.body["remaining_coins"]), (200, &json!(1)), "{}", answer.body);
    assert_eq!(merchant.coins().await, (1, 1));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_settle_that_cannot_be_had_gives_the_coin_back() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.transaction(1, 6, Trouble::Throttle);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (503, "try_again"));
    assert_eq!(merchant.coins().await, (2, 2));
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_settle_that_hangs_is_answered_in_time_and_honestly() {
    let flaky = Flaky::with(Setup::default().function_timeout(Duration::from_secs(5))).await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.transaction(1, 6, Trouble::Hang);
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!(answer.problem(), (503, "try_again"));
    assert!(answer.body["detail"].as_str().unwrap().contains("could not confirm"), "{}", answer.body);
    assert_eq!(merchant.coins().await, (2, 1), "held until the lease ends");
}

#[tokio::test]
async fn a_release_that_hangs_does_not_hide_why_the_batch_failed() {
    let flaky = Flaky::with(Setup::default().function_timeout(Duration::from_secs(5))).await;
    let merchant = flaky.potret.user_with("merchant", 2).await;
    flaky.potret.fal_fails(Fault::ContentPolicyViolation);
    flaky.transaction(1, 6, Trouble::Hang);
    assert_eq!(merchant.generate(&a_prompt()).await.problem(), (422, "content_rejected"));
    assert_eq!(merchant.coins().await, (2, 1), "held until the lease ends");
}

#[tokio::test]
async fn without_the_balance_in_advance_the_settling_finds_it_out() {
    let flaky = Flaky::start().await;
    let merchant = flaky.potret.user_with("merchant", 9).await;
    flaky.dynamodb.plan(Plan { operation: "GetItem", trouble: Trouble::Throttle, skip: 0, times: 3 });
    assert_eq!(merchant.generate(&a_prompt()).await.body["remaining_coins"], 8);
    flaky.potret.audit().await;
}

#[tokio::test]
async fn a_running_batch_holds_its_coin_until_a_minute_after_its_function_must_have_ended() {
    let potret = Setup::default().fal_takes(Duration::from_secs(1)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let prompt = a_prompt();
    let started = Timestamp::now();
    let (answer, ()) = tokio::join!(merchant.generate(&prompt), async {
        while potret.fal().requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let rows =
            crate::rows::rows(&potret.stack.dynamodb.dynamodb(), potret.tables().generations.name()).await;
        assert_eq!((&rows[0]["status"], rows[0].get("expires_at")), (&json!("PENDING"), None));
        let lease = rows[0]["lease_until"].as_i64().expect("milliseconds") - started.as_millisecond();
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

pub fn pending(
    user: &str,
    generation_id: GenerationId,
    now: Timestamp,
    lease_until: Timestamp,
) -> Generation {
    Generation {
        user_id: UserId::parse(user).expect("a user id"),
        generation_id,
        attempt_id: AttemptId::random(),
        body_hash: "hash".to_owned(),
        status: Status::Pending,
        lease_until,
        coins: Coins::new(1),
        created_at: now,
        job: Job {
            mode: Mode::TextToImage,
            model: "fal-ai/flux/schnell".to_owned(),
            prompt: "a bag".to_owned(),
            photos: PhotoCount::default(),
            dropped_inputs: Vec::new(),
            payload: json!({"prompt": "a bag"}),
        },
        images: Vec::new(),
        remaining_coins: None,
        error_code: None,
    }
}

/// A hold whose function died long ago.
async fn expired_hold(potret: &Potret, user: &str) -> Generation {
    let then = Timestamp::now() - SignedDuration::from_secs(100);
    let pending = pending(user, GenerationId::random(), then, then + SignedDuration::from_secs(89));
    assert!(matches!(potret.ledger().hold(&pending, then).await, Ok(HoldOutcome::Held(_))));
    pending
}

#[tokio::test]
async fn a_hold_that_arrives_after_its_attempt_has_failed_begins_nothing() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let now = Timestamp::now();
    let pending = pending("merchant", GenerationId::random(), now, now + SignedDuration::from_secs(89));
    let ledger = potret.ledger();
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&pending, now).await else { panic!("held") };
    assert!(matches!(ledger.release(&hold, "fal_failed", now).await, Ok(Released::GivenBack)));
    assert!(ledger.hold(&pending, now).await.is_err());
    assert!(ledger.settle(&hold, &["late".to_owned()], Some(Coins::new(1)), now).await.is_err());
    assert_eq!(merchant.coins().await, (1, 1));
    potret.audit().await;
}

#[tokio::test]
async fn the_next_request_takes_the_coins_of_dead_ones_back() {
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
async fn a_late_completion_is_fenced_off() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    let dead = expired_hold(&potret, "merchant").await;
    assert_eq!(merchant.generate(&a_prompt()).await.status, 200);
    // The dead one wakes up with its pictures.
    let hold = common::ledger::Hold::of(&dead);
    let images = ["https://a/1.jpg".to_owned(), "https://a/2.jpg".to_owned()];
    let late = potret.ledger().settle(&hold, &images, None, Timestamp::now()).await;
    assert!(matches!(late, Err(common::ledger::SettleRefused::LeaseLost)), "{late:?}");
    let released = potret.ledger().release(&hold, "internal_error", Timestamp::now()).await;
    assert!(matches!(released, Ok(Released::GivenBack)), "{released:?}");
    assert_eq!(merchant.coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn a_key_whose_function_died_runs_again_after_its_lease() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    let ledger = potret.ledger();
    let id = GenerationId::random();
    let then = Timestamp::now() - SignedDuration::from_secs(100);
    let dead = pending("merchant", id, then, then + SignedDuration::from_secs(89));
    assert!(matches!(ledger.hold(&dead, then).await, Ok(HoldOutcome::Held(_))));
    let within_lease = then + SignedDuration::from_secs(50);
    let again = pending("merchant", id, within_lease, within_lease + SignedDuration::from_secs(89));
    assert!(matches!(ledger.hold(&again, within_lease).await, Err(common::ledger::HoldRefused::InProgress)));
    let now = Timestamp::now();
    let again = pending("merchant", id, now, now + SignedDuration::from_secs(89));
    let Ok(HoldOutcome::Held(hold)) = ledger.hold(&again, now).await else { panic!("a hold") };
    ledger
        .settle(&hold, &["https://a/1.jpg".to_owned(), "https://a/2.jpg".to_owned()], None, now)
        .await
        .expect("settled");
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
    let rows = crate::rows::rows(&potret.stack.dynamodb.dynamodb(), potret.tables().profiles.name()).await;
    assert_eq!(rows[0]["email"], "a@b", "what others keep there stays");
}
