//! Configuration: read once at start, in this one module, from names that `template.yaml` sets.
//!
//! Every function composes the parts it uses. All faults are named together, so that one deployment finds
//! them all; no secret and no table has a default.

mod tokens;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;
use tracing::Level;
use url::Url;

use crate::coins::Coins;
use crate::cursors::CursorKey;
use crate::fal::{FalHosts, FalKey, ImageToImageModel, Steps};
use crate::secrets::{Secret, Source};

pub use tokens::{JwtSecret, TokensConfig};

/// Every setting that any function reads, for the check that `template.yaml` sets no other.
pub const NAMES: [&str; 21] = [
    "LOG_LEVEL",
    "PROFILES_TABLE",
    "GENERATIONS_TABLE",
    "LEDGER_TABLE",
    "UPLOADS_BUCKET",
    "COINS_PER_BATCH",
    "IMAGE_TO_IMAGE_MODEL",
    "NUM_INFERENCE_STEPS",
    "FAL_KEY",
    "FAL_KEY_PARAMETER",
    "FAL_BASE_URL",
    "FAL_QUEUE_URL",
    "FAL_TIMEOUT_SECONDS",
    "PHOTO_DELIVERY",
    "CURSOR_KEY",
    "CURSOR_KEY_PARAMETER",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWKS_URL",
    "JWT_SECRET",
    "JWT_SECRET_PARAMETER",
];

/// Highest price of a batch; a guard against a slip of the finger.
const MAX_COINS_PER_BATCH: u64 = 1_000;

/// Longest wait for one fal request. Behind an HTTP API the function's own deadline is shorter and wins.
const MAX_FAL_TIMEOUT_SECONDS: u64 = 180;

/// Everything wrong with the configuration, a line each.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the configuration is unusable: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// Reads a function's configuration through `lookup`, which answers a setting's value by its name. Blank counts as
/// not set.
pub fn load<T>(
    lookup: &dyn Fn(&str) -> Option<String>,
    read: impl FnOnce(&mut Settings<'_>) -> T,
) -> Result<T, ConfigError> {
    let mut settings = Settings { lookup, faults: Vec::new() };
    let config = read(&mut settings);
    if settings.faults.is_empty() { Ok(config) } else { Err(ConfigError(settings.faults)) }
}

/// The settings being read, and what is wrong with them so far.
pub struct Settings<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl Settings<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        debug_assert!(NAMES.contains(&name), "{name} is not in config::NAMES");
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// The setting in its type; `default` when it is not set, and also when it is wrong, which is noted.
    fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        let Some(text) = self.optional(name) else { return default };
        parse(&text).unwrap_or_else(|error| {
            self.faults.push(format!("{name} {error}"));
            default
        })
    }
}

/// The process's environment, as a lookup.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How much is logged: `error`, `warn`, `info` (the default) or `debug`.
pub fn log_level(settings: &mut Settings<'_>) -> Level {
    let allowed = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG];
    settings.parsed("LOG_LEVEL", Level::INFO, |text| {
        let level = Level::from_str(text).ok().filter(|level| allowed.contains(level));
        level.ok_or("must be one of error, warn, info, debug")
    })
}

/// The names of the three tables; those a function does not use are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// Users and their coins.
    pub profiles: String,
    /// What was asked for and delivered.
    pub generations: String,
    /// Every change of a settled balance.
    pub ledger: String,
}

impl Tables {
    /// All three, for the function that generates.
    pub fn all(settings: &mut Settings<'_>) -> Self {
        Self { generations: generations_table(settings), ..Self::of_coins(settings) }
    }

    /// Profiles and ledger, for topping up.
    pub fn of_coins(settings: &mut Settings<'_>) -> Self {
        Self { ledger: settings.required("LEDGER_TABLE"), ..Self::of_profiles(settings) }
    }

    /// Profiles only, for reading a balance.
    pub fn of_profiles(settings: &mut Settings<'_>) -> Self {
        Self { profiles: settings.required("PROFILES_TABLE"), ..Self::default() }
    }
}

/// The table of generations.
pub fn generations_table(settings: &mut Settings<'_>) -> String {
    settings.required("GENERATIONS_TABLE")
}

/// The bucket of the photos.
pub fn uploads_bucket(settings: &mut Settings<'_>) -> String {
    settings.required("UPLOADS_BUCKET")
}

/// How fal gets the photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoDelivery {
    /// It fetches them from the bucket.
    PresignedUrl,
    /// They travel in the request: for a stack on a laptop, which the real fal cannot reach.
    DataUrl,
}

/// Where photos go.
#[derive(Debug, Clone)]
pub struct UploadsConfig {
    /// The bucket's name.
    pub bucket: String,
    /// How fal gets them from there.
    pub delivery: PhotoDelivery,
}

impl UploadsConfig {
    /// Reads `UPLOADS_BUCKET` and `PHOTO_DELIVERY`.
    pub fn load(settings: &mut Settings<'_>) -> Self {
        let delivery = settings.parsed("PHOTO_DELIVERY", PhotoDelivery::PresignedUrl, |text| match text {
            "presigned-url" => Ok(PhotoDelivery::PresignedUrl),
            "data-url" => Ok(PhotoDelivery::DataUrl),
            _ => Err("must be presigned-url or data-url"),
        });
        Self { bucket: uploads_bucket(settings), delivery }
    }
}

/// What a batch is and costs.
#[derive(Debug, Clone, Copy)]
pub struct BatchConfig {
    /// The price, at least 1.
    pub coins: Coins,
    /// The model for requests with photos.
    pub image_to_image: ImageToImageModel,
    /// How many inference steps every picture gets.
    pub steps: Steps,
}

impl BatchConfig {
    /// Reads `COINS_PER_BATCH`, `IMAGE_TO_IMAGE_MODEL` and `NUM_INFERENCE_STEPS`.
    pub fn load(settings: &mut Settings<'_>) -> Self {
        Self {
            coins: settings.parsed("COINS_PER_BATCH", Coins::new(1), |text| {
                let coins = text.parse().ok().filter(|coins| (1..=MAX_COINS_PER_BATCH).contains(coins));
                coins.map(Coins::new).ok_or(format!("must be a whole number from 1 to {MAX_COINS_PER_BATCH}"))
            }),
            image_to_image: settings.parsed("IMAGE_TO_IMAGE_MODEL", ImageToImageModel::default(), str::parse),
            steps: settings.parsed("NUM_INFERENCE_STEPS", Steps::default(), str::parse),
        }
    }
}

/// How to reach fal.
#[derive(Debug, Clone)]
pub struct FalConfig {
    /// Its hosts.
    pub hosts: FalHosts,
    /// Our key.
    pub key: Source<FalKey>,
    /// The longest wait for one request.
    pub timeout: Duration,
}

impl FalConfig {
    /// Reads `FAL_KEY` or `FAL_KEY_PARAMETER`, `FAL_BASE_URL`, `FAL_QUEUE_URL` and `FAL_TIMEOUT_SECONDS`.
    pub fn load(settings: &mut Settings<'_>) -> Self {
        let base = settings.parsed("FAL_BASE_URL", None, |text| http_url(text).map(Some));
        let queue = settings.parsed("FAL_QUEUE_URL", None, |text| http_url(text).map(Some));
        let seconds = settings.parsed("FAL_TIMEOUT_SECONDS", MAX_FAL_TIMEOUT_SECONDS, |text| {
            let seconds = text.parse().ok().filter(|seconds| (1..=MAX_FAL_TIMEOUT_SECONDS).contains(seconds));
            seconds.ok_or(format!("must be a whole number of seconds from 1 to {MAX_FAL_TIMEOUT_SECONDS}"))
        });
        Self {
            hosts: FalHosts::new(base, queue),
            key: secret(settings, "FAL_KEY"),
            timeout: Duration::from_secs(seconds),
        }
    }
}

/// The secret of `name`, or where to read it: the setting `<name>_PARAMETER` names a parameter.
fn secret<S: Secret>(settings: &mut Settings<'_>, name: &str) -> Source<S> {
    let parameter = format!("{name}_PARAMETER");
    let value = settings.optional(name).map(SecretString::from);
    let source = match (value, settings.optional(&parameter)) {
        (Some(value), _) => S::parse(value).map(Source::Value).ok_or_else(|| format!("{name} {}", S::FORM)),
        (None, Some(parameter)) => Ok(Source::Parameter(parameter)),
        (None, None) => Err(format!("neither {name} nor {parameter} is set")),
    };
    source.unwrap_or_else(|fault| {
        settings.faults.push(fault);
        Source::Parameter(String::new())
    })
}

/// What makes cursors tamper-evident: `CURSOR_KEY` or `CURSOR_KEY_PARAMETER`.
pub fn cursor_key(settings: &mut Settings<'_>) -> Source<CursorKey> {
    secret(settings, "CURSOR_KEY")
}

fn http_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("must be an http or https URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        pairs: &'static [(&str, &str)],
    ) -> Result<(Tables, UploadsConfig, BatchConfig, FalConfig), ConfigError> {
        let lookup = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned());
        super::load(&lookup, |settings| {
            let (tables, uploads) = (Tables::all(settings), UploadsConfig::load(settings));
            (tables, uploads, BatchConfig::load(settings), FalConfig::load(settings))
        })
    }

    #[test]
    fn everything_wrong_is_named_together() {
        let error = load(&[
            ("LEDGER_TABLE", "l"),
            ("UPLOADS_BUCKET", " "),
            ("COINS_PER_BATCH", "0"),
            ("IMAGE_TO_IMAGE_MODEL", "fal-ai/flux-1.1/image-to-image"),
            ("NUM_INFERENCE_STEPS", "28"),
            ("FAL_KEY", "s3cret-without-a-colon"),
            ("FAL_BASE_URL", "ftp://x"),
            ("FAL_TIMEOUT_SECONDS", "181"),
            ("PHOTO_DELIVERY", "pigeon"),
        ]);
        insta::assert_snapshot!(error.expect_err("faults").0.join("\n"), @"
        GENERATIONS_TABLE is not set
        PROFILES_TABLE is not set
        PHOTO_DELIVERY must be presigned-url or data-url
        UPLOADS_BUCKET is not set
        COINS_PER_BATCH must be a whole number from 1 to 1000
        IMAGE_TO_IMAGE_MODEL must be fal-ai/flux-2/lora/edit or fal-ai/flux-general/image-to-image: fal has no endpoint fal-ai/flux-1.1/image-to-image, which was used once
        NUM_INFERENCE_STEPS must be 7, or 4 for the lowest cost
        FAL_BASE_URL must be an http or https URL
        FAL_TIMEOUT_SECONDS must be a whole number of seconds from 1 to 180
        FAL_KEY must hold a fal key of the form <id>:<secret>, in visible ASCII characters
        ");
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let (tables, uploads, batch, fal) = load(&[
            ("PROFILES_TABLE", "p"),
            ("GENERATIONS_TABLE", "g"),
            ("LEDGER_TABLE", "l"),
            ("UPLOADS_BUCKET", "b"),
            ("FAL_KEY_PARAMETER", "/potret/fal-key"),
        ])
        .expect("a configuration");
        assert_eq!(tables, Tables { profiles: "p".into(), generations: "g".into(), ledger: "l".into() });
        assert_eq!((uploads.delivery, batch.coins), (PhotoDelivery::PresignedUrl, Coins::new(1)));
        assert_eq!(batch.image_to_image.endpoint(), "fal-ai/flux-2/lora/edit");
        assert_eq!((batch.steps.count(), fal.timeout.as_secs()), (7, 180));
        assert!(matches!(fal.key, Source::Parameter(name) if name == "/potret/fal-key"));
    }
}
