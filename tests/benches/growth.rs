//! What a long history and a crowd cost, on the local stack: `cargo bench --bench growth`.
//!
//! Every figure is a ratio of two medians measured in turns in the same run.
#![expect(clippy::print_stdout, reason = "figures are for whoever runs it")]

use std::time::{Duration, Instant};

use common::identity::UserId;
use common::tables::GenerationsTable;
use futures::future::join_all;
use local_stack::stack::{Options, Stack};
use serde_json::json;
use tests::give_a_past;

/// Generations of the one user and of the other.
const HISTORIES: [(&str, usize); 2] = [("newcomer", 10), ("regular", 100_000)];

const PATHS: [&str; 3] = ["/api/coin-balance", "/api/debug/last-prompt", "/api/generations"];

const ROUNDS: usize = 300;

/// Users who come at once.
const CROWD: usize = 1_000;

#[tokio::main]
async fn main() {
    let bench = Bench::start().await;
    for (user, count) in HISTORIES {
        bench.join(user).await;
        let (client, id) = (bench.stack.dynamodb.dynamodb(), UserId::parse(user).expect("a user id"));
        give_a_past(&client, &GenerationsTable::new("growth-generations"), &id, count - 1).await;
    }
    println!("{:<26} {:>16} {:>16} {:>7}", "", "10 generations", "100,000", "ratio");
    for path in PATHS {
        bench.compare_histories(path).await;
    }
    bench.compare_crowd().await;
    bench.stack.stop().await.expect("a clean stop");
}

struct Bench {
    stack: Stack,
    http: reqwest::Client,
}

impl Bench {
    async fn start() -> Self {
        let stack = Stack::start(Options {
            name: "growth".to_owned(),
            fal_latency: Some(Duration::ZERO),
            ..Options::default()
        });
        let http = aws_double::http_client();
        Self { stack: stack.await.expect("a stack"), http }
    }

    /// Pays one coin in, and spends it.
    async fn join(&self, user: &str) {
        let coin = json!({"user_id": user, "coins": 1, "reference": user}).to_string();
        self.stack.lambda.invoke("add-coins", coin.into()).await.expect("a function");
        let url = self.stack.url.join("/api/generate-image").expect("a URL");
        let request = self.http.post(url).bearer_auth(self.token(user)).json(&json!({"prompt": "a bag"}));
        assert!(request.send().await.expect("an answer").status().is_success());
    }

    fn token(&self, user: &str) -> String {
        self.stack.token(user).expect("a token")
    }

    async fn get(&self, token: &str, path: &str) -> Duration {
        let url = self.stack.url.join(path).expect("a URL");
        let begun = Instant::now();
        let answer = self.http.get(url).bearer_auth(token).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.expect("a body");
        begun.elapsed()
    }

    async fn compare_histories(&self, path: &str) {
        let tokens = HISTORIES.map(|(user, _)| self.token(user));
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for which in [round % 2, 1 - round % 2] {
                times[which].push(self.get(&tokens[which], path).await);
            }
        }
        let [few, many] = times.map(median);
        print(path, few, many);
    }

    /// As many requests one after the other as at the same time: the time of one, on average.
    async fn compare_crowd(&self) {
        let everybody: Vec<_> = (0..CROWD).map(|number| self.token(&format!("visitor-{number}"))).collect();
        let begun = Instant::now();
        for _ in 0..CROWD {
            self.get(&everybody[0], PATHS[0]).await;
        }
        let alone = begun.elapsed();
        let begun = Instant::now();
        join_all(everybody.iter().map(|token| self.get(token, PATHS[0]))).await;
        let together = begun.elapsed();
        println!("\n{:<26} {:>16} {:>16} {:>7}", "", "1 user", "1,000 at once", "ratio");
        let share = |time: Duration| time / u32::try_from(CROWD).expect("few");
        print(PATHS[0], share(alone), share(together));
    }
}

fn print(what: &str, one: Duration, other: Duration) {
    let ratio = other.as_secs_f64() / one.as_secs_f64();
    println!("{what:<26} {:>16} {:>16} {ratio:>7.2}", format!("{one:.2?}"), format!("{other:.2?}"));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
