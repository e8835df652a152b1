//! `cargo operate`: the audit and the import, on the tables of a deployed stack.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use add_coins::AddCoins;
use clap::{Parser, Subcommand};
use common::aws::Aws;
use common::function;
use common::net::{self, Trust};
use common::settings::environment;
use common::tables::{GenerationsTable, LedgerTable, ProfilesTable, Tables};
use operate::audit::audit;
use operate::import::import;

/// Tools for the tables of a deployed stack, whose names are the stack's outputs.
///
/// The region and the credentials are those of AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
/// AWS_SESSION_TOKEN.
#[derive(Parser)]
#[command(name = "cargo operate", bin_name = "cargo operate")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Credit the users of an earlier system with their balances, once however often it is run
    ///
    /// Of the file's columns, user_id and coins_balance are read.
    Import {
        /// A CSV file with a header
        file: PathBuf,
        /// The table of profiles
        #[arg(long, value_name = "TABLE")]
        profiles: String,
        /// The table of the ledger
        #[arg(long, value_name = "TABLE")]
        ledger: String,
    },
    /// Check the coins in a deployed stack's tables, reading only
    Audit {
        /// The table of profiles
        #[arg(long, value_name = "TABLE")]
        profiles: String,
        /// The table of generations
        #[arg(long, value_name = "TABLE")]
        generations: String,
        /// The table of the ledger
        #[arg(long, value_name = "TABLE")]
        ledger: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Import { file, profiles, ledger } => import_file(&file, &profiles, &ledger).await,
        Command::Audit { profiles, generations, ledger } => {
            let (profiles, generations) = (ProfilesTable::new(profiles), GenerationsTable::new(generations));
            audit_tables(&Tables { profiles, generations, ledger: LedgerTable::new(ledger) }).await
        }
    }
}

async fn import_file(file: &Path, profiles: &str, ledger: &str) -> anyhow::Result<()> {
    let lookup = |name: &str| match name {
        "PROFILES_TABLE" => Some(profiles.to_owned()),
        "LEDGER_TABLE" => Some(ledger.to_owned()),
        _ => environment(name),
    };
    let add_coins = function::connect::<AddCoins>(&lookup, net::client(Trust::of(&environment)?)).await?;
    let imported = import(file, &add_coins, |lines| eprintln!("{lines} lines")).await?;
    imported.refused.iter().for_each(|(line, reason)| println!("line {line}: {reason}"));
    let refused = imported.refused.len();
    println!(
        "{} users credited, {} without coins, {refused} lines refused",
        imported.credited, imported.without_coins
    );
    anyhow::ensure!(refused == 0, "some lines were refused; mend them and import the file again");
    Ok(())
}

async fn audit_tables(tables: &Tables) -> anyhow::Result<()> {
    let dynamodb = Aws::from_environment(&environment, net::client(Trust::of(&environment)?))?.dynamodb();
    let report = audit(&dynamodb, tables).await?;
    for (user, violations) in &report.violations {
        violations.iter().for_each(|violation| println!("{user}: {violation}"));
    }
    for (user, failures) in &report.failures {
        println!("{user}: {failures} failures in 24 hours that fal may bill");
    }
    println!("{} users audited, {} with violations", report.users, report.violations.len());
    anyhow::ensure!(report.violations.is_empty(), "the coins are not in order");
    Ok(())
}
