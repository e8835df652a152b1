//! The functions' binaries: their files, and the environment in which they run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use aws_double::lambda::Bootstrap;
use sam_template::FunctionSpec;

use crate::settings::LocalSettings;
use crate::storage::Storage;

/// How the functions run.
#[derive(Debug, Clone)]
pub enum RunFunctions {
    /// Their handlers run in this process.
    InProcess,
    /// Their binaries run in processes of their own, as on Lambda.
    Binaries(Binaries),
    /// Another program runs them, such as `cargo lambda watch`. The stack serves only what they need.
    Elsewhere,
}

/// Where the functions' binaries are, and what runs them.
#[derive(Debug, Clone)]
pub struct Binaries {
    pub folder: PathBuf,
    /// AWS's Runtime Interface Emulator; `None` runs them under our own Runtime API.
    pub emulator: Option<PathBuf>,
}

impl RunFunctions {
    /// The template with their settings: the one that `sam build` put beside the binaries, else ours.
    ///
    /// # Errors
    ///
    /// When that file cannot be read.
    pub fn template(&self) -> anyhow::Result<Cow<'static, str>> {
        if let Self::Binaries(binaries) = self {
            let built = binaries.folder.join("template.yaml");
            if built.is_file() {
                let text = std::fs::read_to_string(&built);
                return Ok(text.with_context(|| format!("cannot read {}", built.display()))?.into());
            }
        }
        Ok(sam_template::DEPLOYED.into())
    }
}

/// The settings that every function gets beside the template's, or in their place.
#[must_use]
pub fn local_environment(settings: &LocalSettings, storage: &Storage) -> BTreeMap<String, String> {
    let endpoints = [
        ("AWS_ENDPOINT_URL_DYNAMODB", storage.dynamodb.endpoint().to_string()),
        ("AWS_ENDPOINT_URL_S3", storage.s3.endpoint().to_string()),
    ];
    let own = settings.function_settings().map(|(name, value)| (name, value.to_owned()));
    let all = own.chain(storage.identity.variables()).chain(endpoints);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Binaries {
    /// What starts the binary of `spec`.
    ///
    /// # Errors
    ///
    /// When the file is missing.
    pub fn bootstrap(
        &self,
        spec: &FunctionSpec,
        timeout: Duration,
        environment: BTreeMap<String, String>,
    ) -> anyhow::Result<Bootstrap> {
        let (function, file) = (spec.name.clone(), find(&self.folder, &spec.name, &spec.logical_id)?);
        Ok(Bootstrap { function, file, memory_mb: spec.memory_mb, timeout, environment })
    }
}

/// The binary where `cargo build`, `cargo lambda build` or `sam build` puts it.
fn find(folder: &Path, name: &str, logical_id: &str) -> anyhow::Result<PathBuf> {
    let [file, resource] = [name, logical_id].map(|name| folder.join(name));
    let places = [file.clone(), file.join("bootstrap"), resource.join("bootstrap")];
    let found = places.into_iter().find(|place| place.is_file()).with_context(|| {
        format!(
            "there is no {}, nor a file bootstrap in a folder {name} or {logical_id} there; `sam build` builds all \
             functions into .aws-sam/build, and `cargo build --release -p {name}` this one into target/release",
            file.display()
        )
    })?;
    found.canonicalize().with_context(|| format!("cannot reach {}", found.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_found_where_cargo_cargo_lambda_and_sam_put_it() {
        for place in ["coin-balance", "coin-balance/bootstrap", "CoinBalance/bootstrap"] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(place);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            let found = find(folder.path(), "coin-balance", "CoinBalance").unwrap();
            assert_eq!(found, file.canonicalize().unwrap());
        }
    }
}
