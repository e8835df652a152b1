//! What people use today, doing what coin-balance does: Python with boto3 alone, and with FastAPI and Mangum, under
//! AWS's own runtime client for Python.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::announce;
use crate::environment;
use crate::sample::{Lab, Program};
use crate::subjects::{self, Subject};

/// What is installed from PyPI.
const PACKAGES: [&str; 4] = ["awslambdaric==4.2.2", "boto3", "fastapi", "mangum"];

/// The peers by their names in the table, and their handlers in `bench/peers/`.
const HANDLERS: [(&str, &str); 2] = [("boto3", "boto3_handler.handler"), ("FastAPI", "fastapi_app.handler")];

/// A function that is not ours.
#[derive(Debug)]
pub struct Peer {
    /// What it is asked, and must answer.
    pub subject: Subject,
    /// What is started.
    pub program: Program,
}

/// Installs them into a virtual environment in the target folder, unless they are there.
pub fn install(root: &Path, lab: &Lab) -> anyhow::Result<Vec<Peer>> {
    let venv = lab.folder.join("venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    announce("Installing the peers from PyPI.");
    let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(PACKAGES))?;
    let folder = root.join("bench/peers");
    // As on Lambda, where the deployed modules are compiled ahead or at the first start of all.
    run(Command::new(&python).args(["-m", "compileall", "-q"]).arg(&folder))?;
    let subjects = subjects::all(root)?;
    let ours =
        subjects.iter().find(|subject| subject.name == "coin-balance").context("there is a coin-balance")?;
    let peers = HANDLERS.map(|(name, handler)| {
        let mut environment = environment::of_function(&lab.backends, true);
        environment.insert("_HANDLER".to_owned(), handler.to_owned());
        environment.insert("LAMBDA_TASK_ROOT".to_owned(), folder.display().to_string());
        environment.insert("PYTHONPATH".to_owned(), folder.display().to_string());
        let program = Program {
            file: python.clone(),
            arguments: ["-m", "awslambdaric", handler].map(Into::into).into(),
            environment,
        };
        Peer { subject: Subject { name, ..ours.clone() }, program }
    });
    Ok(peers.into())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}
