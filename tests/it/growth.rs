//! A long history makes no request dearer.

use std::time::{Duration, Instant};

use common::generations::Generation;
use common::ids::GenerationId;
use futures::future::join_all;
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use reqwest::Method;

use crate::flaky_dynamodb::{Flaky, FlakyDynamoDb};
use crate::harness::{A_PROMPT, Potret, User};

/// How many generations are written at the same time.
const WRITES_AT_ONCE: usize = 8;

/// How often each request is measured.
const ROUNDS: usize = 300;

/// Users who come at once.
const CROWD: u32 = 1_000;

/// Gives the user `id`, who has generated once, `count` generations more, each a second older than the one
/// before.
async fn give_a_past(potret: &Potret, id: &str, count: i64) {
    let table = potret.tables().generations;
    let rows = potret.snapshot().await.generations.into_iter();
    let newest = rows.filter(|row| row["user_id"] == id).max_by_key(|row| row["created_at"].to_string());
    let newest: Generation = serde_json::from_value(newest.expect("a generation")).expect("a record");
    let write = async |age| {
        let older = Generation {
            generation_id: GenerationId::random(),
            created_at: newest.created_at - SignedDuration::from_secs(age),
            ..newest.clone()
        };
        potret.put(table.name(), serde_json::to_value(older).expect("JSON")).await;
    };
    stream::iter(1..=count).for_each_concurrent(WRITES_AT_ONCE, write).await;
}

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

    give_a_past(&potret, "merchant", 9).await;
    let few = costs(&merchant, &dynamodb).await;
    give_a_past(&potret, "merchant", 990).await;
    let many = costs(&merchant, &dynamodb).await;
    assert_eq!(few, many);
    let expected = [("GetItem", 1), ("Query", 1), ("Query", 5)];
    assert_eq!(many, expected.map(|(call, items)| (vec![call.to_owned()], items)));
}

/// The time until the response to a request of `user` is read.
async fn time_of(user: &User, path: &str) -> Duration {
    let begun = Instant::now();
    let response = user.request(Method::GET, path).send().await.expect("a response");
    assert_eq!(response.status(), 200, "{path}");
    response.bytes().await.expect("a body");
    begun.elapsed()
}

#[expect(clippy::print_stdout, reason = "figures are for whoever runs it")]
fn print_ratio(what: &str, time: Duration, other: Duration) -> f64 {
    let ratio = time.as_secs_f64() / other.as_secs_f64();
    println!("{what}: {time:.2?} ÷ {other:.2?} = {ratio:.2}");
    ratio
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for a minute, alone on the machine; docs/performance.md has the command"]
async fn neither_a_hundred_thousand_generations_nor_a_thousand_users_at_once_double_the_time_of_a_request() {
    let potret = Potret::start().await;
    let mut users = Vec::new();
    for (id, generations) in [("newcomer", 10), ("regular", 100_000)] {
        let user = potret.user_with(id, 1).await;
        assert_eq!(user.generate(&A_PROMPT).await.status, 200);
        give_a_past(&potret, id, generations - 1).await;
        users.push(user);
    }
    for path in ["/api/coin-balance", "/api/debug/last-prompt", "/api/generations"] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for which in [round % 2, 1 - round % 2] {
                times[which].push(time_of(&users[which], path).await);
            }
        }
        let [few, many] = times.map(|mut times| {
            times.sort();
            times[ROUNDS / 2]
        });
        assert!(print_ratio(&format!("{path}, 100,000 generations ÷ 10"), many, few) < 2.0);
    }

    let path = "/api/coin-balance";
    let everybody: Vec<_> = (0..CROWD).map(|number| potret.user(&format!("visitor-{number}"))).collect();
    let begun = Instant::now();
    for user in &everybody {
        time_of(user, path).await;
    }
    let in_turn = begun.elapsed();
    let begun = Instant::now();
    join_all(everybody.iter().map(|user| time_of(user, path))).await;
    assert!(
        print_ratio("each of 1,000 users at once ÷ in turn", begun.elapsed() / CROWD, in_turn / CROWD) < 2.0
    );
}
