//! `GET /api/coin-balance`.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Potret, a_prompt};

#[tokio::test]
async fn a_new_user_has_nothing_and_leaves_no_trace() {
    let potret = Potret::start().await;
    assert_eq!(potret.user("nobody").coins().await, (0, 0));
    let client = potret.stack.dynamodb.dynamodb();
    assert!(crate::audit::rows(&client, potret.tables().profiles.name()).await.is_empty());
}

#[tokio::test]
async fn the_balance_is_answered_and_never_cached() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 12).await;
    let answer = Answer::of(merchant.request(Method::GET, "/api/coin-balance")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    assert_eq!(answer.body, json!({"user_id": "merchant", "coins_balance": 12, "coins_available": 12}));
}

#[tokio::test]
async fn running_batches_are_not_available_and_not_yet_paid() {
    let potret = crate::harness::Setup::default().fal_takes(std::time::Duration::from_secs(1)).start().await;
    let merchant = potret.user_with("merchant", 3).await;
    let prompt = a_prompt();
    let (answer, while_running) = tokio::join!(merchant.generate(&prompt), async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        merchant.coins().await
    });
    assert_eq!((answer.status, while_running), (200, (3, 2)));
    assert_eq!(merchant.coins().await, (2, 2));
}

#[tokio::test]
async fn without_a_token_there_is_no_balance() {
    let potret = Potret::start().await;
    let answer = Answer::of(potret.http.get(potret.url("/api/coin-balance"))).await;
    assert_eq!((answer.status, answer.body), (401, json!({"message": "Unauthorized"})));
}
