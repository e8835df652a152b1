//! A long history makes no request dearer. `cargo bench` measures the same with a hundred thousand
//! generations.

use common::identity::UserId;
use tests::give_a_past;

use crate::flaky_dynamodb::{Flaky, FlakyDynamoDb};
use crate::harness::{A_PROMPT, User};

/// The DynamoDB calls of each request, and the items that they read.
async fn costs(user: &User, dynamodb: &FlakyDynamoDb) -> Vec<(Vec<String>, u64)> {
    let mut costs = Vec::new();
    for path in ["/api/coin-balance", "/api/debug/last-prompt", "/api/generations?limit=5"] {
        dynamodb.troubles().take_calls();
        dynamodb.take_items_read();
        assert_eq!(user.get(path).await.status, 200);
        costs.push((dynamodb.troubles().take_calls(), dynamodb.take_items_read()));
    }
    costs
}

#[tokio::test]
async fn a_balance_the_last_prompt_and_a_page_cost_the_same_after_ten_generations_and_after_a_thousand() {
    let Flaky { potret, dynamodb, behind: _behind } = Flaky::start().await;
    let merchant = potret.user_with("merchant", 1).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    let (client, table) = (potret.dynamodb(), potret.tables().generations);
    let id = UserId::parse("merchant").expect("a user id");

    give_a_past(&client, &table, &id, 9).await;
    let few = costs(&merchant, &dynamodb).await;
    give_a_past(&client, &table, &id, 990).await;
    let many = costs(&merchant, &dynamodb).await;
    assert_eq!(few, many);
    let expected = [("GetItem", 1), ("Query", 1), ("Query", 5)];
    assert_eq!(many, expected.map(|(call, items)| (vec![call.to_owned()], items)));
}
