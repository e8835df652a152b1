//! The release binaries: found, or built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

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

/// The folders of the binaries.
#[derive(Debug)]
pub struct Binaries {
    functions: PathBuf,
    yardstick: PathBuf,
}

impl Binaries {
    /// The binaries in `folder`, or those that Cargo builds of the repository at `root` into `target`. If the
    /// yardstick is needed and not in the folder, Cargo builds it.
    pub fn find_or_build(
        root: &Path,
        target: &Path,
        folder: Option<&Path>,
        needs_yardstick: bool,
    ) -> anyhow::Result<Self> {
        let release = target.join("release");
        if folder.is_none() {
            let packages = root.join(FUNCTIONS).read_dir()?.map(|entry| Ok(entry?.file_name()));
            build(root, target, &packages.collect::<anyhow::Result<Vec<_>>>()?)?;
        }
        let with_yardstick = folder.filter(|folder| find(folder, YARDSTICK).is_some());
        if needs_yardstick && with_yardstick.is_none() {
            build(root, target, &[YARDSTICK.into()])?;
        }
        let yardstick = with_yardstick.unwrap_or(&release).to_owned();
        Ok(Self { functions: folder.unwrap_or(&release).to_owned(), yardstick })
    }

    pub fn file(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = if name == YARDSTICK { &self.yardstick } else { &self.functions };
        find(folder, name)
            .with_context(|| format!("{} has neither {name} nor {name}/bootstrap", folder.display()))
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = folder.join(name);
    [file.join("bootstrap"), file].into_iter().find(|file| file.is_file())
}

/// Builds the binaries of `packages` into `target`.
fn build(root: &Path, target: &Path, packages: &[OsString]) -> anyhow::Result<()> {
    announce("Building the release binaries, which takes some minutes the first time.");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--target-dir"]).arg(target).current_dir(root);
    for package in packages {
        cargo.arg("--package").arg(package);
    }
    for name in OF_CARGO_RUN {
        cargo.env_remove(name);
    }
    output_of(&mut cargo).map(drop)
}

/// The output of a command that must succeed, trimmed.
pub fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
