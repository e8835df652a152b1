//! The import of an earlier system's balances: add-coins credits each line of a CSV file as one payment.

use std::path::Path;
use std::pin::pin;

use add_coins::AddCoins;
use anyhow::Context;
use common::events::EventFunction;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

/// How many users are credited at the same time.
const AT_ONCE: usize = 16;

/// The progress is reported after every so many lines.
const LINES_PER_REPORT: usize = 1000;

/// A line of the file, as `\copy (SELECT id AS user_id, coins_balance FROM profiles) TO … CSV HEADER` writes
/// it.
#[derive(Debug, Deserialize)]
struct Line {
    user_id: String,
    coins_balance: String,
}

/// The result of an import.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many users have the coins of their line, from this import or an earlier one.
    pub credited: usize,
    /// How many lines have a balance of zero.
    pub without_coins: usize,
    /// The numbers of the refused lines, and the reasons.
    pub refused: Vec<(u64, String)>,
}

/// Credits every user in `file` with their balance, and calls `progress` with the number of lines now and
/// then.
///
/// The reference of each payment is `import:<user>`. So the same file may be imported again, for example
/// after a failure, and nobody is credited twice. A changed balance is refused.
///
/// # Errors
///
/// When the file is not a CSV file with the columns `user_id` and `coins_balance`. A wrong line is reported
/// instead.
pub async fn import(file: &Path, add_coins: &AddCoins, progress: impl Fn(usize)) -> anyhow::Result<Imported> {
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
    // The header is line 1.
    let lines = reader.deserialize::<Line>().zip(2..);
    let outcomes = stream::iter(lines).map(async |(line, number)| match line {
        Ok(line) => (number, credit(add_coins, &line).await),
        Err(error) => (number, Err(error.to_string())),
    });
    let mut outcomes = pin!(outcomes.buffered(AT_ONCE).enumerate());
    let mut imported = Imported::default();
    while let Some((done, (number, outcome))) = outcomes.next().await {
        match outcome {
            Ok(0) => imported.without_coins += 1,
            Ok(_) => imported.credited += 1,
            Err(reason) => imported.refused.push((number, reason)),
        }
        if (done + 1) % LINES_PER_REPORT == 0 {
            progress(done + 1);
        }
    }
    Ok(imported)
}

/// Returns the number of coins of the line, or the reason of a refusal.
async fn credit(add_coins: &AddCoins, line: &Line) -> Result<u64, String> {
    let coins = line.coins_balance.trim().parse();
    let coins = coins.map_err(|_| format!("{:?} is not a number of coins", line.coins_balance))?;
    if coins > 0 {
        let reference = format!("import:{}", line.user_id);
        let event = json!({"user_id": line.user_id, "coins": coins, "reference": reference});
        add_coins.handle(event, Timestamp::now()).await.map_err(|error| error.to_string())?;
    }
    Ok(coins)
}
