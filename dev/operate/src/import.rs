//! Importing the balances of an earlier system: each line of a CSV file becomes one payment, through add-coins itself.

use std::path::Path;

use add_coins::AddCoins;
use anyhow::Context;
use common::events::EventFunction;
use futures::stream::{self, StreamExt};
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

/// How many users are credited at the same time.
const AT_ONCE: usize = 16;

/// A line of the file, as `\copy (SELECT id AS user_id, coins_balance FROM profiles) TO … CSV HEADER` writes it.
#[derive(Debug, Deserialize)]
struct Line {
    user_id: String,
    coins_balance: String,
}

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many users have the coins of their line, from now or from an earlier import.
    pub credited: usize,
    /// How many had none, and need nothing.
    pub without_coins: usize,
    /// The lines that were refused, by number, and why.
    pub refused: Vec<(u64, String)>,
}

enum Outcome {
    Credited,
    WithoutCoins,
    Refused(u64, String),
}

/// Credits every user in `file` with their balance. The reference of each is `import:<user>`, so the same file may be
/// imported again, after a failure half-way for example, and nobody gets anything twice. A changed balance is refused.
///
/// # Errors
///
/// When the file is no CSV with the columns `user_id` and `coins_balance`. A line that is wrong is reported instead.
pub async fn import(file: &Path, add_coins: &AddCoins, progress: &ProgressBar) -> anyhow::Result<Imported> {
    let mut reader =
        csv::Reader::from_path(file).with_context(|| format!("cannot read {}", file.display()))?;
    let columns = reader.headers()?.clone();
    for column in ["user_id", "coins_balance"] {
        anyhow::ensure!(
            columns.iter().any(|name| name == column),
            "{} has no column {column}; its columns are {}",
            file.display(),
            columns.iter().collect::<Vec<_>>().join(", ")
        );
    }
    let lines: Vec<_> = reader.deserialize::<Line>().zip(2..).collect();
    progress.set_length(lines.len() as u64);
    let outcomes = stream::iter(lines).map(async |(line, number)| {
        let outcome = match line {
            Ok(line) => credit(add_coins, &line, number).await,
            Err(error) => Outcome::Refused(number, error.to_string()),
        };
        progress.inc(1);
        outcome
    });
    let mut imported = Imported::default();
    for outcome in outcomes.buffered(AT_ONCE).collect::<Vec<_>>().await {
        match outcome {
            Outcome::Credited => imported.credited += 1,
            Outcome::WithoutCoins => imported.without_coins += 1,
            Outcome::Refused(number, why) => imported.refused.push((number, why)),
        }
    }
    Ok(imported)
}

async fn credit(add_coins: &AddCoins, line: &Line, number: u64) -> Outcome {
    let Ok(coins) = line.coins_balance.trim().parse::<u64>() else {
        let why = format!("{:?} is no number of coins", line.coins_balance);
        return Outcome::Refused(number, why);
    };
    if coins == 0 {
        return Outcome::WithoutCoins;
    }
    let reference = format!("import:{}", line.user_id);
    let event = json!({"user_id": line.user_id, "coins": coins, "reference": reference});
    match add_coins.handle(event, Timestamp::now()).await {
        Ok(_) => Outcome::Credited,
        Err(error) => Outcome::Refused(number, error.to_string()),
    }
}
