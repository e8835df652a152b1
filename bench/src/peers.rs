//! Handlers in Python that do what coin-balance does, with boto3 alone and with FastAPI and Mangum, under
//! AWS's own runtime client.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::announce;
use crate::binaries::output_of;
use crate::environment;
use crate::sample::{Lab, Program};
use crate::subjects::Subject;

/// The packages from PyPI.
const PACKAGES: [&str; 4] = ["awslambdaric==4.2.2", "boto3", "fastapi", "mangum"];

/// The names of the peers in the table, and their handlers in `bench/peers/`.
const HANDLERS: [(&str, &str); 2] = [("boto3", "boto3_handler.handler"), ("FastAPI", "fastapi_app.handler")];

#[derive(Debug)]
pub struct Peer {
    pub subject: Subject,
    pub program: Program,
}

/// Installs the peers into a virtual environment in `folder`.
pub fn install(root: &Path, lab: &Lab, subjects: &[Subject], folder: &Path) -> anyhow::Result<Vec<Peer>> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    announce("Installing the peers from PyPI.");
    let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(PACKAGES))?;
    // They are compiled before the start, as on Lambda. The copy keeps the results out of the repository.
    let handlers = lab.folder.join("peers");
    fs::create_dir(&handlers)?;
    for (_, handler) in HANDLERS {
        let file = format!("{}.py", handler.trim_end_matches(".handler"));
        fs::copy(root.join("bench/peers").join(&file), handlers.join(&file))?;
    }
    run(Command::new(&python).args(["-m", "compileall", "-q"]).arg(&handlers))?;
    // They trust the roots of boto3, as when they are deployed, and the authority of this run.
    let trusted = handlers.join("trusted.pem");
    let script = "import botocore, os; print(os.path.dirname(botocore.__file__))";
    let roots = output_of(Command::new(&python).args(["-c", script]))?;
    let mut roots = fs::read(Path::new(&roots).join("cacert.pem"))?;
    roots.extend(fs::read(&lab.backends.authority)?);
    fs::write(&trusted, roots)?;
    let ours =
        subjects.iter().find(|subject| subject.name == "coin-balance").context("there is a coin-balance")?;
    let peer = |(name, handler): (&'static str, &str)| {
        let mut environment = environment::of_function("coin-balance", &lab.backends, true)?;
        environment.insert("AWS_CA_BUNDLE", trusted.display().to_string());
        environment.insert("_HANDLER", handler.to_owned());
        environment.insert("LAMBDA_TASK_ROOT", handlers.display().to_string());
        environment.insert("PYTHONPATH", handlers.display().to_string());
        let program = Program {
            file: python.clone(),
            arguments: ["-m", "awslambdaric", handler].map(Into::into).into(),
            environment,
        };
        // Python writes a space after a colon.
        let expected = r#""statusCode": 200,"#.to_owned();
        Ok(Peer { subject: Subject { name, expected, ..ours.clone() }, program })
    };
    HANDLERS.into_iter().map(peer).collect()
}

/// The installed versions, for the reader of the figures.
pub fn versions(folder: &Path) -> anyhow::Result<String> {
    let names = PACKAGES.map(|package| package.split("==").next().unwrap_or(package));
    let script = "import sys, importlib.metadata as m; \
                  print(*(f'{name} {m.version(name)}' for name in sys.argv[1:]), sep=', ')";
    let python = folder.join("venv/bin/python");
    let versions = output_of(Command::new(&python).args(["-c", script]).args(names))?;
    let python = output_of(Command::new(&python).arg("--version"))?;
    Ok(format!("The peers are {python}: {versions}."))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}
