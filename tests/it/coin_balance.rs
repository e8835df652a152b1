//! `GET /api/coin-balance`.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Potret, Setup, a_prompt};
use crate::rows::rows;

#[tokio::test]
async fn a_new_user_has_no_coins_and_the_request_stores_nothing() {
    let potret = Potret::start().await;
    assert_eq!(potret.user("nobody").coins().await, (0, 0));
    assert!(rows(&potret.stack.dynamodb.dynamodb(), potret.tables().profiles.name()).await.is_empty());
}

#[tokio::test]
async fn the_balance_is_never_cached() {
    let potret = Potret::start().await;
    let response = potret.user_with("merchant", 12).await.get("/api/coin-balance").await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    assert_eq!(response.body, json!({"user_id": "merchant", "coins_balance": 12, "coins_available": 12}));
}

#[tokio::test]
async fn the_coin_of_a_running_batch_is_unavailable_but_not_yet_paid() {
    let (_potret, merchant) = Setup::default().fal_takes(Duration::from_secs(1)).with_merchant(3).await;
    let prompt = a_prompt();
    let (response, while_running) = tokio::join!(merchant.generate(&prompt), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        merchant.coins().await
    });
    assert_eq!((response.status, while_running), (200, (3, 2)));
    assert_eq!(merchant.coins().await, (2, 2));
}
