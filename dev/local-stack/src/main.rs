//! `cargo dev`: the local stack and its small tools.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool prints")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use clap::{Args, Parser, Subcommand};
use common::identity::UserId;
use common::logs;
use common::settings::environment;
use local_stack::binaries::{Binaries, RunFunctions};
use local_stack::docs::DOCS_PATH;
use local_stack::functions;
use local_stack::playground::SESSION_PATH;
use local_stack::settings::FAL_PATH;
use local_stack::stack::{Options, Stack};
use local_stack::{demo, users};
use serde_json::Value;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use url::Url;

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
    /// Run the functions' binaries from this folder, such as target/release, as processes of their own
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Start only DynamoDB, S3 and the fal double, and print the environment for functions that run elsewhere
    #[arg(long, conflicts_with = "binaries")]
    services: bool,
    /// Use a real FAL_KEY although others can call this stack, and so spend your money at fal
    #[arg(long)]
    share_fal_key: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Print a bearer token for a user, which the running stack signs
    Token {
        /// The user's id, which becomes the token's sub claim
        user: String,
        /// The address of the stack
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
        url: Url,
    },
    /// Run one function once on a fresh stack and print its answer
    Invoke {
        /// The function, for example generate-image
        function: String,
        /// A file with the event, for example events/generate-image/text-to-image.json
        event: PathBuf,
        /// Run the functions' binaries from this folder
        #[arg(long, value_name = "DIR")]
        binaries: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve(cli.serve).await,
        Some(Command::Token { user, url }) => token(&user, &url).await,
        Some(Command::Invoke { function, event, binaries }) => invoke(&function, &event, binaries).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn token(user: &str, stack: &Url) -> anyhow::Result<()> {
    let user = UserId::parse(user).map_err(|error| anyhow::anyhow!("the user {error}"))?;
    let mut url = stack.join(SESSION_PATH)?;
    url.query_pairs_mut().append_pair("user", user.as_str());
    let response = aws_double::http_client().get(url).send().await;
    let response = response.with_context(|| {
        format!("no stack runs at {stack}; start one with cargo dev, or name its address with --url")
    })?;
    let session: Value = response.json().await.unwrap_or_default();
    let token =
        session["token"].as_str().with_context(|| format!("{stack} is not the address of a stack"))?;
    println!("{token}");
    Ok(())
}

fn functions_of(binaries: Option<PathBuf>) -> RunFunctions {
    let processes = |folder| RunFunctions::Binaries(Binaries { folder, emulator: None });
    binaries.map_or(RunFunctions::InProcess, processes)
}

async fn serve(serve: Serve) -> anyhow::Result<()> {
    start_logs(Level::INFO);
    let stack = Stack::start(Options {
        listen: serve.listen,
        data_dir: serve.data_dir.clone(),
        environment: Box::new(environment),
        functions: if serve.services { RunFunctions::Elsewhere } else { functions_of(serve.binaries) },
        shares_fal_key: serve.share_fal_key,
        ..Options::default()
    })
    .await?;
    demo::prepare(&stack).await?;
    if serve.services {
        print_environment(&stack);
    } else {
        let coins = demo::coins_available(&stack, users::USER).await?;
        print_welcome(&stack, coins, serve.data_dir.as_deref())?;
    }
    stop_signal().await?;
    tracing::info!("stopping: what is running may end");
    stack.stop().await
}

async fn invoke(function: &str, event: &Path, binaries: Option<PathBuf>) -> anyhow::Result<()> {
    start_logs(Level::ERROR);
    let payload = std::fs::read(event).with_context(|| format!("cannot read {}", event.display()))?;
    let stack = Stack::start(Options {
        environment: Box::new(environment),
        fal_latency: Some(Duration::ZERO),
        functions: functions_of(binaries),
        ..Options::default()
    })
    .await?;
    demo::prepare(&stack).await?;
    let invocation = stack.lambda.invoke(function, Bytes::from(payload)).await;
    let invocation = invocation.with_context(|| {
        let names: Vec<_> = stack.resources.functions.iter().map(|spec| spec.name.as_str()).collect();
        format!("cannot invoke {function}; the functions are {}", names.join(", "))
    })?;
    let response = match &invocation.outcome {
        Ok(response) => serde_json::from_slice(response)?,
        Err(error) => serde_json::to_value(error)?,
    };
    println!("{response:#}");
    stack.stop().await?;
    anyhow::ensure!(invocation.outcome.is_ok(), "{function} failed");
    Ok(())
}

/// Prints lines for a shell.
fn print_environment(stack: &Stack) {
    for (name, value) in &stack.environment {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    println!("# DynamoDB, S3 and fal are served until Ctrl-C stops them.");
}

fn print_welcome(stack: &Stack, coins: u64, data_dir: Option<&Path>) -> anyhow::Result<()> {
    let url = stack.url.as_str().trim_end_matches('/');
    let token = stack.token(users::USER)?;
    println!("\nPotret is running at {url}\n\n  Open it in a browser to try it: {url}/\n");
    for route in &stack.resources.routes {
        println!("  {:<5} {url}{}", route.method, route.path);
    }
    for function in &stack.resources.functions {
        println!("  invoke {url}/2015-03-31/functions/{}/invocations", function.name);
    }
    println!("\n  the API   {url}{DOCS_PATH}, to read and to try");
    println!("  fal       {}", stack.settings.fal);
    if stack.fal.is_some() {
        println!("            faults on request: {url}{FAL_PATH}/_control");
    }
    println!("  DynamoDB  {}", stack.dynamodb.endpoint());
    println!("  S3        {}", stack.s3.endpoint());
    match data_dir {
        Some(folder) => println!("  data      kept in {}", folder.display()),
        None => println!("  data      in memory, gone at the end; --data-dir DIR keeps it"),
    }
    println!("\nThe user \"{}\" has {coins} coins. Their token:\n\n{token}\n", users::USER);
    println!("Two pictures for a coin:\n");
    println!(
        "curl -s {url}/api/generate-image -H 'Content-Type: application/json' -H 'Authorization: Bearer {token}' -d '{}'\n",
        demo::REQUEST
    );
    println!("A token for another user: cargo dev token USER --url {url}. Ctrl-C stops.\n");
    Ok(())
}

/// Logs the events of stack and functions on standard error, for a person to read.
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

/// Waits for Ctrl-C, or for SIGTERM from a process manager.
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
