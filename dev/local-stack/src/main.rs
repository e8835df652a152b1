//! `cargo dev`: the local stack and its small tools.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command-line tool says, it prints")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use add_coins::AddCoins;
use anyhow::Context;
use aws_double::tokens;
use axum::body::Bytes;
use clap::{Args, Parser, Subcommand};
use common::aws::Aws;
use common::function;
use common::identity::UserId;
use common::logs;
use common::net::{self, Trust};
use common::settings::environment;
use common::tables::{GenerationsTable, LedgerTable, ProfilesTable, Tables};
use indicatif::ProgressBar;
use local_stack::binaries::{Binaries, Functions};
use local_stack::demo;
use local_stack::docs::DOCS_PATH;
use local_stack::functions;
use local_stack::settings::FAL_PATH;
use local_stack::stack::{NAME, Options, Stack};
use sam_template::JwtSpec;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Potret on this machine: the API with its functions, DynamoDB, S3 and a fal double, in one process.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Keep tables, photos and pictures in this folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    run: Run,
    /// Start only DynamoDB, S3 and the fal double, and print the environment for functions that run elsewhere
    #[arg(long, conflicts_with = "binaries")]
    services: bool,
    /// Also write that environment as JSON, in the form that sam local takes
    #[arg(long, value_name = "FILE", requires = "services")]
    env_vars: Option<PathBuf>,
}

#[derive(Args)]
struct Run {
    /// Run the functions' binaries from this folder, such as target/release, as processes of their own
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Run them under this program, AWS's Lambda Runtime Interface Emulator, which takes one request at a time
    #[arg(long, value_name = "FILE", requires = "binaries")]
    emulator: Option<PathBuf>,
}

impl Run {
    fn functions(self) -> Functions {
        let Self { binaries, emulator } = self;
        binaries.map_or(Functions::InProcess, |folder| Functions::Binaries(Binaries { folder, emulator }))
    }
}

#[derive(Subcommand)]
enum Command {
    /// Print a bearer token for a user
    Token {
        /// The user's id, which becomes the token's sub claim
        user: String,
    },
    /// Run one function once on a fresh stack and print its answer
    Invoke {
        /// The function, for example generate-image
        function: String,
        /// A file with the event, for example events/generate-image/text-to-image.json
        event: PathBuf,
        #[command(flatten)]
        run: Run,
    },
    /// Credit the users of an earlier system with their balances, once however often it is run
    ///
    /// Of the file's columns, user_id and coins_balance are read. As whom, and where, is said as for audit.
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
    ///
    /// AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN say as whom; the tables' names are
    /// the stack's outputs.
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
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve(cli.serve).await,
        Some(Command::Token { user }) => token(&user),
        Some(Command::Invoke { function, event, run }) => invoke(&function, &event, run).await,
        Some(Command::Import { file, profiles, ledger }) => import(&file, profiles, ledger).await,
        Some(Command::Audit { profiles, generations, ledger }) => {
            audit(&Tables {
                profiles: ProfilesTable::new(profiles),
                generations: GenerationsTable::new(generations),
                ledger: LedgerTable::new(ledger),
            })
            .await
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn token(user: &str) -> anyhow::Result<()> {
    let user = UserId::parse(user).map_err(|error| anyhow::anyhow!("the user {error}"))?;
    println!("{}", tokens::issue(user.as_str(), &JwtSpec::local(), demo::TOKEN_LIFETIME)?);
    Ok(())
}

async fn import(file: &Path, profiles: String, ledger: String) -> anyhow::Result<()> {
    let lookup = |name: &str| match name {
        "PROFILES_TABLE" => Some(profiles.clone()),
        "LEDGER_TABLE" => Some(ledger.clone()),
        _ => environment(name),
    };
    let add_coins = function::connect::<AddCoins>(&lookup, net::client(Trust::of(&environment)?)).await?;
    let progress = ProgressBar::new(0);
    let imported = operate::import::import(file, &add_coins, &progress).await?;
    progress.finish_and_clear();
    imported.refused.iter().for_each(|(line, why)| println!("line {line}: {why}"));
    println!(
        "{} users credited, {} without coins, {} lines refused",
        imported.credited,
        imported.without_coins,
        imported.refused.len()
    );
    anyhow::ensure!(
        imported.refused.is_empty(),
        "some lines were refused; mend them and import the file again"
    );
    Ok(())
}

async fn audit(tables: &Tables) -> anyhow::Result<()> {
    let dynamodb = Aws::from_environment(&environment, net::client(Trust::of(&environment)?))?.dynamodb();
    let report = operate::audit::audit(&dynamodb, tables).await?;
    for (user, violations) in &report.violations {
        violations.iter().for_each(|violation| println!("{user}: {violation}"));
    }
    println!("{} users audited, {} with violations", report.users, report.violations.len());
    anyhow::ensure!(report.violations.is_empty(), "the coins are not in order");
    Ok(())
}

async fn serve(serve: Serve) -> anyhow::Result<()> {
    start_logs(Level::INFO);
    let stack = Stack::start(Options {
        name: NAME.to_owned(),
        listen: serve.listen,
        data_dir: serve.data_dir.clone(),
        environment: Box::new(environment),
        fal_latency: None,
        function_timeout: None,
        functions: if serve.services { Functions::Elsewhere } else { serve.run.functions() },
    })
    .await?;
    demo::prepare(&stack).await?;
    if serve.services {
        give_environment(&stack, serve.env_vars.as_deref())?;
    } else {
        let coins = demo::coins_available(&stack, demo::USER).await?;
        print_welcome(&stack, coins, serve.data_dir.as_deref())?;
    }
    stop_signal().await?;
    tracing::info!("stopping: what is running may end");
    stack.stop().await
}

async fn invoke(function: &str, event: &Path, run: Run) -> anyhow::Result<()> {
    start_logs(Level::ERROR);
    let payload = std::fs::read(event).with_context(|| format!("cannot read {}", event.display()))?;
    let stack = Stack::start(Options {
        name: NAME.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: None,
        environment: Box::new(environment),
        fal_latency: Some(Duration::ZERO),
        function_timeout: None,
        functions: run.functions(),
    })
    .await?;
    demo::prepare(&stack).await?;
    let invocation = stack.lambda.invoke(function, Bytes::from(payload)).await;
    let invocation = invocation.with_context(|| {
        let names: Vec<_> = stack.resources.functions.iter().map(|spec| spec.name.as_str()).collect();
        format!("cannot invoke {function}; the functions are {}", names.join(", "))
    })?;
    let answer = match &invocation.outcome {
        Ok(answer) => serde_json::from_slice(answer)?,
        Err(error) => serde_json::to_value(error)?,
    };
    println!("{answer:#}");
    stack.stop().await?;
    anyhow::ensure!(invocation.outcome.is_ok(), "{function} failed");
    Ok(())
}

/// Prints lines for a shell to read, and writes the file for `sam local … --env-vars`.
fn give_environment(stack: &Stack, file: Option<&Path>) -> anyhow::Result<()> {
    if let Some(file) = file {
        let json = serde_json::json!({"Parameters": stack.environment});
        std::fs::write(file, format!("{json:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    for (name, value) in &stack.environment {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    println!("# DynamoDB, S3 and fal are served until Ctrl-C stops them.");
    Ok(())
}

fn print_welcome(stack: &Stack, coins: u64, data_dir: Option<&Path>) -> anyhow::Result<()> {
    let url = stack.url.as_str().trim_end_matches('/');
    let token = tokens::issue(demo::USER, &JwtSpec::local(), demo::TOKEN_LIFETIME)?;
    println!("\nPotret is running at {url}\n\n  Open it in a browser to try it: {url}/\n");
    for route in &stack.resources.routes {
        println!("  {:<5} {url}{}", route.method, route.path);
    }
    for function in &stack.resources.functions {
        println!("  invoke {url}/2015-03-31/functions/{}/invocations", function.name);
    }
    println!("\n  the API   {url}{DOCS_PATH}, to read and to try");
    println!("  fal       {}", stack.fal_in_words());
    if stack.fal.is_some() {
        println!("            faults on request: {url}{FAL_PATH}/_control");
    }
    println!("  DynamoDB  {}", stack.dynamodb.endpoint());
    println!("  S3        {}", stack.s3.endpoint());
    match data_dir {
        Some(folder) => println!("  data      kept in {}", folder.display()),
        None => println!("  data      in memory, gone at the end; --data-dir DIR keeps it"),
    }
    println!("\nThe user \"{}\" has {coins} coins. Their token:\n\n{token}\n", demo::USER);
    println!("Two pictures for a coin:\n");
    println!(
        "curl -s {url}/api/generate-image -H 'Content-Type: application/json' -H 'Authorization: Bearer {token}' -d '{}'\n",
        demo::REQUEST
    );
    println!("A token for another user: cargo dev token USER. Ctrl-C stops.\n");
    Ok(())
}

/// The events of stack and functions on standard error, for a person to read.
fn start_logs(default: Level) {
    let level = environment("LOG_LEVEL").and_then(|text| text.parse().ok()).unwrap_or(default);
    let lines = tracing_subscriber::fmt::layer().compact().with_target(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(logs::filter(level, &packages()))).init();
}

/// The packages whose events are shown: the functions, and the stack itself.
fn packages() -> Vec<&'static str> {
    let functions = functions::ALL.iter().map(|function| function.name);
    functions.chain(["local-stack", "aws-double", "fal-double"]).collect()
}

/// Waits for Ctrl-C, or for the signal by which a process manager stops a program.
async fn stop_signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
