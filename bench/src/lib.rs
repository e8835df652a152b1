//! The bench: the cost of each function from its start to its responses, as a multiple of a hello world that
//! is built and measured in the same run.

#![cfg(target_os = "linux")]

mod arguments;
mod backends;
mod binaries;
mod environment;
mod evicted;
mod instructions;
mod measure;
mod peers;
mod prices;
mod regression;
mod rows;
mod sample;
mod size;
mod statistics;
mod subjects;
mod table;
mod targets;
mod throttle;
mod webhooks;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use arguments::{Arguments, Command, Part};
use backends::Backends;
use binaries::Binaries;
use sample::Lab;
use targets::Verdict;

/// Runs the command line.
///
/// # Errors
///
/// When a function cannot be built or started, or gives an unexpected response.
pub fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    // Of target/release/bench it is target/.
    let program = env::current_exe()?;
    let target = program.ancestors().nth(2).context("the bench is in no target folder")?;
    let (folder, needs_yardstick) = (arguments.binaries.as_deref(), arguments.command.is_none());
    let binaries = Binaries::find_or_build(&root, target, folder, needs_yardstick)?;
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // The system's folder for temporary files may be in memory, where no file can be evicted.
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    let own_folder = tempfile::Builder::new().prefix("run-").tempdir_in(&folder)?;
    let backends = Backends::start(threads.handle(), own_folder.path())?;
    let lab = Lab { threads: threads.handle().clone(), backends, folder: own_folder.path().to_owned() };
    let subjects = subjects::all(&root)?;
    if let Some(Command::Instructions { update }) = arguments.command {
        return regression::check(&root, &lab, &binaries, &subjects, update);
    }

    let peers = if arguments.peers { peers::install(&root, &lab, &subjects, &folder)? } else { Vec::new() };
    let parts = arguments.parts();
    let mut measured = measure::run(&lab, &binaries, &subjects, &peers, &parts, arguments.rounds)?;
    if arguments.peers {
        measured.notes.push(peers::versions(&folder)?);
    }
    let mut rows = rows::of_rounds(&measured, &parts);
    if parts.contains(&Part::Size) {
        rows.extend(size::rows(&binaries, &subjects)?);
    }
    if parts.contains(&Part::Instructions) {
        rows.extend(instructions::rows(&lab, &binaries, &subjects)?);
    }
    rows.extend(rows::not_measured(&rows, &parts));
    let mut out = io::stdout().lock();
    table::print(&mut out, &rows, &measured.notes)?;
    let has_missed = rows.iter().any(|row| row.verdict() == Some(Verdict::Missed));
    out.flush()?;
    Ok(if arguments.check && has_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Announces on standard error what takes a while.
fn announce(what: &str) {
    writeln!(io::stderr(), "{what}").ok();
}
