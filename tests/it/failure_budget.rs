//! What a failed batch may cost the operator: each user has a budget of failures that fal may bill.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use common::generations::{Generation, Status};
use common::ledger::{FailureBudget, HoldRefused};
use fal_double::Fault;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use kit::records::pending;
use serde_json::json;

use crate::asynchronous::location;
use crate::harness::{A_PROMPT, Potret, Setup, User};

/// The default of the template.
const BUDGET: usize = 20;

impl User {
    /// Fails until the budget is used up, with batches that fal may bill.
    async fn use_up_the_budget(&self, potret: &Potret) {
        potret.fal_fails(Fault::BlackPicture);
        for failure in 0..BUDGET {
            let refused = self.generate(&A_PROMPT).await;
            assert_eq!(refused.problem(), (422, "content_rejected"), "failure {failure}");
        }
    }
}

impl Potret {
    /// The stamps of the failures that count against `user`.
    async fn failures(&self, user: &str) -> Vec<String> {
        let profiles = self.snapshot().await.profiles;
        let profile = profiles.into_iter().find(|row| row["user_id"] == user).expect("a profile");
        serde_json::from_value(profile["failures"].clone()).unwrap_or_default()
    }
}

#[tokio::test]
async fn a_user_with_one_coin_fails_as_often_as_the_budget_says_in_200_parallel_tries() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let payer = potret.user_with("payer", 5).await;
    potret.fal_fails(Fault::BlackPicture);
    let mut failed = 0;
    // Most of a round's tries find the coin held by another try.
    while failed < BUDGET {
        let responses = join_all((0..200).map(|_| merchant.generate(&A_PROMPT))).await;
        for response in &responses {
            match response.problem() {
                (422, "content_rejected") => failed += 1,
                (403, "insufficient_coins") | (429, "too_many_failures") | (503, "try_again") => {}
                other => panic!("{other:?}: {}", response.body),
            }
        }
        assert!(failed <= BUDGET, "{failed} failures");
    }
    let sent = potret.fal().requests().len();
    assert!(sent <= 2 * BUDGET, "fal was asked {sent} times");
    let responses = join_all((0..200).map(|_| merchant.generate(&A_PROMPT))).await;
    for refused in responses {
        assert_eq!(refused.problem(), (429, "too_many_failures"), "{}", refused.body);
        let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
        assert!((86_000..=86_401).contains(&wait), "{wait}");
    }
    assert_eq!(potret.fal().requests().len(), sent, "fal is not asked any more");
    // Another user notices nothing, and the coin is still there.
    potret.fal().clear_faults();
    assert_eq!(payer.generate(&A_PROMPT).await.status, 200);
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn failures_that_fal_does_not_bill_never_count() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let ours = [
        Fault::BadKey,
        Fault::AccountLocked,
        Fault::UnknownEndpoint,
        Fault::InternalError,
        Fault::BadGateway,
        Fault::GatewayTimeout,
        Fault::StartTimeout,
    ];
    for fault in ours {
        potret.fal_fails(fault);
        assert_ne!(merchant.generate(&A_PROMPT).await.status, 200, "{fault:?}");
        assert_eq!(potret.failures("merchant").await, [""; 0], "{fault:?}");
    }
    let billed = [
        Fault::ContentPolicyViolation,
        Fault::ImageLoadError,
        Fault::BlackPicture,
        Fault::QueuedFailing,
        Fault::Nonsense,
        Fault::ConnectionClosed,
    ];
    for (index, fault) in billed.into_iter().enumerate() {
        potret.fal_fails(fault);
        assert_ne!(merchant.generate(&A_PROMPT).await.status, 200, "{fault:?}");
        assert_eq!(potret.failures("merchant").await.len(), index + 1, "{fault:?}");
    }
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn the_budget_refills_a_day_after_a_failure() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    merchant.use_up_the_budget(&potret).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), (429, "too_many_failures"));
    let stamps = potret.failures("merchant").await;
    let (_, attempt) = stamps[0].split_once('#').expect("a stamp");
    let a_day_ago = (Timestamp::now() - SignedDuration::from_hours(24)).as_millisecond();
    let aged = stamps[1..].iter().cloned().chain([format!("{a_day_ago}#{attempt}")]);
    let update = potret.dynamodb().update_item().table_name(potret.tables().profiles.name());
    let update = update.key("user_id", AttributeValue::S("merchant".to_owned()));
    let update = update.update_expression("SET failures = :aged");
    let update = update.expression_attribute_values(":aged", AttributeValue::Ss(aged.collect()));
    update.send().await.expect("an update");
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), (422, "content_rejected"));
    assert_eq!(merchant.generate(&A_PROMPT).await.problem(), (429, "too_many_failures"));
    assert_eq!(potret.failures("merchant").await.len(), BUDGET);
    potret.audit_with(&merchant, (1, 1)).await;
}

#[tokio::test]
async fn an_asynchronous_batch_that_fails_or_expires_counts() {
    let setup = Setup::default().fal_takes(Duration::from_millis(50));
    let (potret, merchant) = setup.with_merchant(1).await;
    potret.fal_fails(Fault::BlackPicture);
    let place = location(&merchant.start("k", "respond-async").await);
    assert_eq!(merchant.follow(&place).await.body["status"], "failed");
    assert_eq!(potret.failures("merchant").await.len(), 1);
    // The lease of one batch has ended: one that is expired by the next hold, and that fal had all the time.
    potret.fal().clear_faults();
    potret.leave_a_running_batch(SignedDuration::from_hours(1)).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    assert_eq!(potret.failures("merchant").await.len(), 2);
    potret.audit_with(&merchant, (0, 0)).await;
}

#[tokio::test]
async fn every_running_batch_has_room_to_fail() {
    let (potret, _) = Potret::with_merchant(10).await;
    let ledger = potret.ledger().with_budget(FailureBudget::of(2));
    let now = Timestamp::now();
    let batches: [Generation; 3] = std::array::from_fn(|_| pending("merchant", now));
    for batch in &batches[..2] {
        assert!(ledger.hold(batch, now).await.is_ok());
    }
    let refused = ledger.hold(&batches[2], now).await;
    assert!(matches!(refused, Err(HoldRefused::TooManyFailures { .. })), "{refused:?}");
    let records = potret.snapshot().await.generations;
    assert!(records.iter().all(|row| row["status"] == json!(Status::Pending)), "{records:?}");
}
