//! The functions' binaries: where they lie, and the environment that they are started in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::settings::LocalSettings;
use aws_double::backends::{Connection, Identity};
use aws_double::lambda::Bootstrap;
use sam_template::FunctionSpec;

/// How the functions run.
#[derive(Debug, Clone, Default)]
pub enum Functions {
    /// Their handlers, in this process.
    #[default]
    InProcess,
    /// Their binaries, each as processes of its own, as on Lambda.
    Binaries(Binaries),
    /// Somebody else runs them, `cargo lambda watch` for example: only what they need is served.
    Elsewhere,
}

/// Where the functions' binaries are, and what runs them.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The folder in which they lie.
    pub folder: PathBuf,
    /// AWS's Runtime Interface Emulator, if they are to run under that and not under a Runtime API of ours.
    pub emulator: Option<PathBuf>,
}

impl Functions {
    /// The template that configures them: the one that `sam build` laid beside the binaries, else ours.
    ///
    /// # Errors
    ///
    /// When that file cannot be read.
    pub fn template(&self) -> anyhow::Result<Cow<'static, str>> {
        let built = match self {
            Self::Binaries(binaries) => binaries.folder.join("template.yaml"),
            Self::InProcess | Self::Elsewhere => return Ok(sam_template::DEPLOYED.into()),
        };
        match built.is_file() {
            true => Ok(std::fs::read_to_string(&built)
                .with_context(|| format!("cannot read {}", built.display()))?
                .into()),
            false => Ok(sam_template::DEPLOYED.into()),
        }
    }
}

/// What every function finds in its environment beside the template's settings, or in their place.
#[must_use]
pub fn local_environment(
    settings: &LocalSettings,
    identity: &Identity,
    dynamodb: &Connection,
    s3: &Connection,
) -> BTreeMap<String, String> {
    let endpoints = [
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint().to_string()),
        ("AWS_ENDPOINT_URL_S3", s3.endpoint().to_string()),
    ];
    let own = settings.function_settings().map(|(name, value)| (name, value.to_owned()));
    let all = own.chain(identity.variables()).chain(endpoints);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Binaries {
    /// How the binary of `spec` is started.
    ///
    /// # Errors
    ///
    /// When there is no such file.
    pub fn bootstrap(
        &self,
        spec: &FunctionSpec,
        timeout: Duration,
        environment: BTreeMap<String, String>,
    ) -> anyhow::Result<Bootstrap> {
        let (function, file) = (spec.name.clone(), find(&self.folder, spec)?);
        Ok(Bootstrap { function, file, memory_mb: spec.memory_mb, timeout, environment })
    }
}

/// The binary as `cargo build`, `cargo lambda build` or `sam build` lays it down.
fn find(folder: &Path, spec: &FunctionSpec) -> anyhow::Result<PathBuf> {
    let [name, resource] = [&spec.name, &spec.logical_id].map(|name| folder.join(name));
    let places = [name.clone(), name.join("bootstrap"), resource.join("bootstrap")];
    let file = places.into_iter().find(|place| place.is_file()).with_context(|| {
        format!(
            "there is no {}, nor a file bootstrap in a folder {} or {} there; `sam build` builds all functions into \
             .aws-sam/build, and `cargo build --release -p {}` this one into target/release",
            name.display(),
            spec.name,
            spec.logical_id,
            spec.name
        )
    })?;
    file.canonicalize().with_context(|| format!("cannot reach {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn spec() -> FunctionSpec {
        FunctionSpec {
            name: "coin-balance".to_owned(),
            logical_id: "CoinBalance".to_owned(),
            timeout: Duration::from_secs(10),
            memory_mb: 128,
            environment: [("PROFILES_TABLE".to_owned(), "p".to_owned())].into(),
        }
    }

    #[test]
    fn a_binary_is_found_where_cargo_cargo_lambda_and_sam_lay_it() {
        for place in ["coin-balance", "coin-balance/bootstrap", "CoinBalance/bootstrap"] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(place);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            assert_eq!(find(folder.path(), &spec()).unwrap(), file.canonicalize().unwrap());
        }
    }

    #[test]
    fn a_missing_binary_is_named_with_what_builds_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(folder.path(), &spec()).unwrap_err().to_string();
        for part in ["coin-balance", "CoinBalance", "cargo build --release"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
