//! add-coins, invoked directly.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{A_PROMPT, Potret};

#[tokio::test]
async fn a_repeated_payment_is_credited_once_and_has_the_same_output() {
    let (potret, merchant) = Potret::with_merchant(10).await;
    let payment = json!({"user_id": "merchant", "coins": 100, "reference": "payment-123"});
    let credited = Ok(json!({"user_id": "merchant", "coins_balance": 110}));
    assert_eq!(potret.add_coins(&payment).await, credited);
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    assert_eq!(potret.add_coins(&payment).await, credited);
    potret.audit_with(&merchant, (109, 109)).await;
}

#[tokio::test]
async fn a_reference_belongs_to_one_user_and_one_amount() {
    let potret = Potret::start().await;
    potret.user_with("merchant", 10).await;
    for (user, coins) in [("merchant", 11), ("other", 10)] {
        let payment = json!({"user_id": user, "coins": coins, "reference": "first-merchant"});
        let error = potret.add_coins(&payment).await.expect_err("a refusal");
        assert_eq!(error["errorType"], "ReferenceReused");
    }
    assert_eq!(potret.user("merchant").coins().await, (10, 10));
    assert_eq!(potret.user("other").coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn all_parallel_payments_are_credited_once_each() {
    let potret = Potret::start().await;
    let payment =
        |number| json!({"user_id": "merchant", "coins": 5, "reference": format!("payment-{number}")});
    let payments: Vec<_> = (0..80).map(|number| payment(number % 40)).collect();
    // A webhook repeats a payment after TryAgain.
    let pay = async |payment| {
        while let Err(error) = potret.add_coins(payment).await {
            assert_eq!(error["errorType"], "TryAgain");
        }
    };
    join_all(payments.iter().map(pay)).await;
    assert_eq!(potret.user("merchant").coins().await, (200, 200));
    potret.audit().await;
}
