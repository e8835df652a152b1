//! The release binaries: found, or built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::announce;

/// Where the functions' packages are, and no other.
const FUNCTIONS: &str = "functions";

/// The yardstick. It is built by itself: the functions would lend it features that it never asked for, and it would be
/// larger than a hello world is.
const YARDSTICK: &str = "hello";

/// What `cargo run` tells a program of its own package. A build script that looks at one of these, and ring's does, would
/// run again, and everything that rests on it be built anew.
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

/// The binaries by their names.
#[derive(Debug)]
pub struct Binaries {
    /// Cargo's folder.
    pub target_folder: PathBuf,
    files: BTreeMap<String, PathBuf>,
}

impl Binaries {
    /// Those in `folder`, or those that Cargo builds of the repository at `root`. The yardstick, if it is needed and not
    /// in the folder, is built in any case.
    pub fn find_or_build(root: &Path, folder: Option<&Path>, needs_yardstick: bool) -> anyhow::Result<Self> {
        let target_folder = target_folder(root)?;
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
        Ok(Self { target_folder, files })
    }

    /// The file of `name`.
    pub fn file(&self, name: &str) -> anyhow::Result<&Path> {
        let file = self.files.get(name).map(PathBuf::as_path);
        file.with_context(|| format!("there is no binary {name}, neither as {name} nor as {name}/bootstrap"))
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
    let output = cargo.current_dir(root).stderr(Stdio::inherit()).output().context("cargo cannot be run")?;
    ensure!(output.status.success(), "the release binaries could not be built");
    let messages =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let files = messages.filter_map(|message: Value| {
        let file = message["executable"].as_str()?;
        // A build script is a binary, too.
        let is_program = message["target"]["kind"] == serde_json::json!(["bin"]);
        is_program.then(|| Some((message["target"]["name"].as_str()?.to_owned(), file.into())))?
    });
    Ok(files.collect())
}

fn target_folder(root: &Path) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
    let output = cargo.stderr(Stdio::inherit()).output().context("cargo cannot be run")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata said no JSON")?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names no target folder")?.into())
}
