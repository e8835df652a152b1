//! take-coins, invoked directly.

use futures::future::join_all;
use jiff::Timestamp;
use kit::records::pending;
use serde_json::{Value, json};

use crate::harness::{A_PROMPT, Potret};

async fn take(potret: &Potret, coins: u64, reference: &str) -> Result<Value, Value> {
    potret.call("take-coins", &json!({"user_id": "merchant", "coins": coins, "reference": reference})).await
}

#[tokio::test]
async fn a_repeated_refund_is_taken_once_and_has_the_same_output() {
    let (potret, merchant) = Potret::with_merchant(10).await;
    let taken = Ok(json!({"user_id": "merchant", "coins_balance": 3}));
    assert_eq!(take(&potret, 7, "refund-1").await, taken);
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    // Now fewer coins are there than were taken.
    assert_eq!(take(&potret, 7, "refund-1").await, taken);
    assert_eq!(
        take(&potret, 6, "refund-1").await.expect_err("another amount")["errorType"],
        "ReferenceReused"
    );
    let entries = potret.snapshot().await.ledger;
    let taken: Vec<_> = entries.iter().filter(|entry| entry["entry_id"] == "takeback#refund-1").collect();
    assert_eq!((taken.len(), &taken[0]["delta"]), (1, &json!(-7)));
    potret.audit_with(&merchant, (2, 2)).await;
}

#[tokio::test]
async fn coins_that_are_held_or_not_there_are_never_taken() {
    let (potret, merchant) = Potret::with_merchant(3).await;
    let now = Timestamp::now();
    let hold = potret.ledger().hold(&pending("merchant", now), now).await;
    assert!(hold.is_ok());
    let before = potret.snapshot().await;
    let refused = take(&potret, 3, "refund").await.expect_err("too many");
    assert_eq!(refused["errorType"], "TooFewCoins");
    assert_eq!(refused["errorMessage"], "the user has 2 coins available; nothing was taken");
    assert_eq!(potret.snapshot().await, before);
    let stranger = json!({"user_id": "stranger", "coins": 1, "reference": "refund"});
    let refused = potret.call("take-coins", &stranger).await.expect_err("no coins");
    assert_eq!(refused["errorType"], "TooFewCoins");
    // The reference was not used up.
    assert_eq!(take(&potret, 2, "refund").await, Ok(json!({"user_id": "merchant", "coins_balance": 1})));
    assert_eq!(merchant.coins().await, (1, 0));
    potret.audit().await;
}

#[tokio::test]
async fn parallel_refunds_and_batches_never_spend_a_coin_twice() {
    let (potret, merchant) = Potret::with_merchant(8).await;
    let refunds = join_all((0..6).map(async |number| {
        let reference = format!("refund-{number}");
        loop {
            match take(&potret, 1, &reference).await {
                Err(error) if error["errorType"] == "TryAgain" => {}
                ended => return ended.is_ok(),
            }
        }
    }));
    let batches = join_all((0..4).map(|_| merchant.generate(&A_PROMPT)));
    let (refunds, batches) = tokio::join!(refunds, batches);
    let taken = refunds.into_iter().filter(|taken| *taken).count();
    let paid = batches.iter().filter(|batch| batch.status == 200).count();
    let left = 8 - (taken + paid) as u64;
    potret.audit_with(&merchant, (left, left)).await;
}

#[tokio::test]
async fn an_imported_profile_without_available_coins_can_be_refunded() {
    let potret = Potret::start().await;
    potret.put(potret.tables().profiles.name(), json!({"user_id": "merchant", "coins_balance": 5})).await;
    assert_eq!(take(&potret, 5, "refund").await, Ok(json!({"user_id": "merchant", "coins_balance": 0})));
    assert_eq!(potret.user("merchant").coins().await, (0, 0));
}
