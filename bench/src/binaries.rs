//! The release binaries: found, or built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::announce;

/// The folder of the functions' packages.
const FUNCTIONS: &str = "functions";

/// The yardstick. It is built alone: together with the functions it would get the features of their
/// dependencies, and be larger than a hello world.
const YARDSTICK: &str = "hello";

/// The variables that `cargo run` sets for a program. The build script of ring depends on some of them, and
/// would run again, with a new build of all crates that need it.
const OF_CARGO_RUN: [&str; 8] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

#[derive(Debug)]
pub struct Binaries {
    /// By name.
    files: BTreeMap<String, PathBuf>,
}

impl Binaries {
    /// The binaries in `folder`, or those that Cargo builds of the repository at `root`. If the yardstick is
    /// needed and not in the folder, Cargo builds it.
    pub fn find_or_build(root: &Path, folder: Option<&Path>, needs_yardstick: bool) -> anyhow::Result<Self> {
        let mut files = match folder {
            Some(folder) => find(folder)?,
            None => {
                let functions = find_packages(&root.join(FUNCTIONS))?;
                build(root, functions.iter().flat_map(|function| ["--package", function]))?
            }
        };
        if needs_yardstick && !files.contains_key(YARDSTICK) {
            files.extend(build(root, ["--package", YARDSTICK])?);
        }
        Ok(Self { files })
    }

    pub fn file(&self, name: &str) -> anyhow::Result<&Path> {
        let file = self.files.get(name).map(PathBuf::as_path);
        file.with_context(|| format!("there is neither a binary {name} nor {name}/bootstrap"))
    }
}

/// Every `NAME` that is a file, and every `NAME/bootstrap`, in `folder`.
fn find(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    let entries = folder.read_dir().with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path().canonicalize()?;
        let bootstrap = path.join("bootstrap");
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if bootstrap.is_file() {
            files.insert(name, bootstrap);
        } else if path.is_file() {
            files.insert(name, path);
        }
    }
    Ok(files)
}

fn find_packages(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = folder.read_dir().with_context(|| format!("{} cannot be read", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn build<'a>(
    root: &Path,
    selection: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--locked", "--message-format", "json-render-diagnostics"])
        .args(selection);
    for name in OF_CARGO_RUN {
        cargo.env_remove(name);
    }
    announce("Building the release binaries, which takes some minutes the first time.");
    let messages = output_of(cargo.current_dir(root))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    let files = messages.filter_map(|message: Value| {
        let file = message["executable"].as_str()?;
        // A build script is an executable, too.
        let is_program = message["target"]["kind"] == serde_json::json!(["bin"]);
        is_program.then(|| Some((message["target"]["name"].as_str()?.to_owned(), file.into())))?
    });
    Ok(files.collect())
}

/// The output of a command that must succeed, trimmed.
pub fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
