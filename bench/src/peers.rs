//! What people use today, doing what coin-balance does: Python with boto3 alone, and with FastAPI and Mangum, under
//! AWS's own runtime client for Python.

use std::fs;
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

/// Installs them into a virtual environment in `folder`, unless they are there.
pub fn install(root: &Path, lab: &Lab, folder: &Path) -> anyhow::Result<Vec<Peer>> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    announce("Installing the peers from PyPI.");
    let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(PACKAGES))?;
    // As on Lambda, where nothing is compiled when it starts; and not in the repository, where the results would lie about.
    let handlers = lab.folder.join("peers");
    fs::create_dir(&handlers)?;
    for (_, handler) in HANDLERS {
        let file = format!("{}.py", handler.trim_end_matches(".handler"));
        fs::copy(root.join("bench/peers").join(&file), handlers.join(&file))?;
    }
    run(Command::new(&python).args(["-m", "compileall", "-q"]).arg(&handlers))?;
    // What they trust when they are deployed, and the authority of this run. Ours have their roots in their code.
    let trusted = handlers.join("trusted.pem");
    let roots = said(
        Command::new(&python).args(["-c", "import botocore, os; print(os.path.dirname(botocore.__file__))"]),
    )?;
    let mut roots = fs::read(Path::new(roots.trim()).join("cacert.pem"))?;
    roots.extend(fs::read(lab.backends.authority())?);
    fs::write(&trusted, roots)?;
    let subjects = subjects::all(root)?;
    let ours =
        subjects.iter().find(|subject| subject.name == "coin-balance").context("there is a coin-balance")?;
    let peers = HANDLERS.map(|(name, handler)| {
        let mut environment = environment::of_function("coin-balance", &lab.backends, true);
        environment.insert("AWS_CA_BUNDLE".to_owned(), trusted.display().to_string());
        environment.insert("_HANDLER".to_owned(), handler.to_owned());
        environment.insert("LAMBDA_TASK_ROOT".to_owned(), handlers.display().to_string());
        environment.insert("PYTHONPATH".to_owned(), handlers.display().to_string());
        let program = Program {
            file: python.clone(),
            arguments: ["-m", "awslambdaric", handler].map(Into::into).into(),
            environment,
        };
        Peer { subject: Subject { name, ..ours.clone() }, program }
    });
    Ok(peers.into())
}

/// What was installed, for who reads the figures later.
pub fn versions(folder: &Path) -> anyhow::Result<String> {
    let names = PACKAGES.map(|package| package.split("==").next().unwrap_or(package));
    let script = "import sys, importlib.metadata as m; print(*(f'{name} {m.version(name)}' for name in sys.argv[1:]), sep=', ')";
    let versions = said(Command::new(folder.join("venv/bin/python")).args(["-c", script]).args(names))?;
    let python = said(Command::new(folder.join("venv/bin/python")).arg("--version"))?;
    Ok(format!("The peers are {}: {}.", python.trim(), versions.trim()))
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}
