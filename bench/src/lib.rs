//! The bench: what each function costs from its start to its answers, as a multiple of a hello world that is built and
//! measured in the same run.

#![cfg(target_os = "linux")]

mod arguments;
mod backends;
mod binaries;
mod environment;
mod evicted;
mod instructions;
mod measure;
mod peers;
mod regression;
mod rows;
mod runtime_api;
mod sample;
mod server;
mod size;
mod statistics;
mod subjects;
mod table;
mod targets;
mod throttle;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, Part};
use backends::Backends;
use binaries::Binaries;
use sample::Lab;
use targets::Verdict;

/// Does what the command line says.
///
/// # Errors
///
/// When a function cannot be built, started or does not answer as it must.
pub fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let binaries =
        Binaries::find_or_build(&root, arguments.binaries.as_deref(), arguments.command.is_none())?;
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = binaries.target_folder.join("bench");
    fs::create_dir_all(&folder)?;
    // Below Cargo's folder and not in the system's for temporary files, which may be in memory: no file there can be
    // evicted from it.
    let own_folder = tempfile::Builder::new().prefix("run-").tempdir_in(&folder)?;
    let backends = Backends::start(threads.handle(), own_folder.path())?;
    let lab = Lab { threads: threads.handle().clone(), backends, folder: own_folder.path().to_owned() };
    let subjects = subjects::all(&root)?;
    if let Some(Command::Instructions { update }) = arguments.command {
        return regression::check(&root, &lab, &binaries, &subjects, update);
    }

    let peers = if arguments.peers { peers::install(&root, &lab, &folder)? } else { Vec::new() };
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
    table::print(&mut out, &rows, &measured)?;
    if let Some(file) = arguments.json {
        fs::write(file, serde_json::to_string_pretty(&rows)?)?;
    }
    let has_missed = rows.iter().any(|row| row.verdict() == Some(Verdict::Missed));
    out.flush()?;
    Ok(if arguments.check && has_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Says on standard error what takes a while.
fn announce(what: &str) {
    writeln!(io::stderr(), "{what}").ok();
}
