//! A Lambda function: its name, its settings, and what it connects to at its start.

use std::cell::OnceCell;

use thiserror::Error;

use crate::aws::{Aws, AwsError};
use crate::logs;
use crate::net::{self, HttpClient, Trust, TrustError};
use crate::secrets::{self, Secret, SecretError, Source};
use crate::settings::{self, Lookup, Settings, SettingsError, environment, log_level};

/// A Lambda function. The binary, the local stack, the simulation and the tests all make one by its type.
pub trait Function: Sized + Send + Sync + 'static {
    /// The name of the package, and so of the binary: `env!("CARGO_PKG_NAME")`.
    const NAME: &'static str;

    type Config;

    /// Reads the settings. All faults are noted before nothing is returned.
    fn load(settings: &mut Settings<'_>) -> Option<Self::Config>;

    /// Makes the clients and fetches the secrets, once, at the start of an instance.
    fn connect(
        config: Self::Config,
        platform: &Platform<'_>,
    ) -> impl Future<Output = Result<Self, StartError>>;
}

/// A function without settings and clients of its own.
pub trait Stateless: Default + Send + Sync + 'static {
    /// As [`Function::NAME`].
    const NAME: &'static str;
}

impl<F: Stateless> Function for F {
    const NAME: &'static str = <F as Stateless>::NAME;
    type Config = ();

    fn load(_: &mut Settings<'_>) -> Option<()> {
        Some(())
    }

    async fn connect((): (), _: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self::default())
    }
}

/// Why a function cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// What a function can connect to. A client is made when a function asks for one, so that a function without
/// AWS needs no credentials and carries no SDK.
pub struct Platform<'a> {
    lookup: &'a Lookup<'a>,
    http: OnceCell<HttpClient>,
}

impl<'a> Platform<'a> {
    /// What the Lambda environment says, through `lookup`.
    pub fn new(lookup: &'a Lookup<'a>) -> Self {
        Self { lookup, http: OnceCell::new() }
    }

    /// The same over the connections of `http`.
    pub fn over(lookup: &'a Lookup<'a>, http: HttpClient) -> Self {
        Self { lookup, http: OnceCell::from(http) }
    }

    /// The process's one HTTP client.
    pub fn http(&self) -> Result<HttpClient, TrustError> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let http = net::client(Trust::of(self.lookup)?);
        Ok(self.http.get_or_init(|| http).clone())
    }

    /// The secret, from Systems Manager if `source` names a parameter.
    pub async fn secret<S: Secret>(&self, source: Source<S>) -> Result<S, StartError> {
        match source {
            Source::Value(secret) => Ok(secret),
            Source::Parameter(name) => Ok(secrets::fetch(name, &self.aws()?).await?),
        }
    }

    /// AWS's services, over that client.
    pub fn aws(&self) -> Result<Aws, StartError> {
        Ok(Aws::from_environment(self.lookup, self.http()?)?)
    }
}

/// Starts the function of this process: its settings come from the environment, its log goes to standard
/// output.
///
/// # Errors
///
/// When a setting is missing or wrong, or a secret cannot be fetched.
pub async fn start<F: Function>() -> Result<F, StartError> {
    let (level, config) = settings::load(&environment, |settings| {
        let (level, config) = (log_level(settings), F::load(settings));
        Some((level?, config?))
    })?;
    logs::start(level, F::NAME);
    F::connect(config, &Platform::new(&environment)).await
}

/// Makes a function with the settings of `lookup`, over the connections of `http`.
///
/// # Errors
///
/// As [`start`].
pub async fn connect<F: Function>(lookup: &Lookup<'_>, http: HttpClient) -> Result<F, StartError> {
    let config = settings::load(lookup, F::load)?;
    F::connect(config, &Platform::over(lookup, http)).await
}
