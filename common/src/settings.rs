//! Settings: read once at start, by the names that `template.yaml` sets. Each noun reads its own, beside
//! itself.
//!
//! All faults are named together, so that one deployment finds them all. A reader that notes a fault returns
//! nothing.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;
use tracing::Level;
use url::Url;

/// Returns a setting's value by the setting's name. The process's environment is one; a test has its own.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + Send + Sync + 'a;

/// Everything wrong with the settings, a line each.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the configuration is unusable: {}", .0.join("; "))]
pub struct SettingsError(Vec<String>);

/// The process's environment, as a [`Lookup`]. Nothing else that is deployed reads the environment, but the
/// AWS SDK.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads settings with `read`, through `lookup`. A blank value counts as not set.
///
/// # Errors
///
/// When a setting is missing or wrong.
pub fn load<T>(
    lookup: &Lookup<'_>,
    read: impl FnOnce(&mut Settings<'_>) -> Option<T>,
) -> Result<T, SettingsError> {
    let mut settings = Settings { lookup, faults: Vec::new() };
    match read(&mut settings) {
        Some(config) if settings.faults.is_empty() => Ok(config),
        _ => Err(SettingsError(settings.faults)),
    }
}

/// The settings being read, and what is wrong with them so far.
pub struct Settings<'a> {
    lookup: &'a Lookup<'a>,
    faults: Vec<String>,
}

impl Settings<'_> {
    /// The setting's value, trimmed, if it is set and not blank.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The setting's value. A missing one is a fault.
    pub fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.fault(format!("{name} is not set"));
        }
        value
    }

    /// The setting as its own type, or `default` when it is not set. One that `parse` refuses is a fault.
    pub fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = self.optional(name) else { return Some(default) };
        parse(&text).map_err(|error| self.fault(format!("{name} {error}"))).ok()
    }

    /// The setting as a number of seconds, or `default` when it is not set. One out of `allowed` is a fault.
    pub fn seconds(&mut self, name: &str, default: u32, allowed: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = (allowed.start(), allowed.end());
        self.parsed(name, default, |text| {
            let seconds = text.parse().ok().filter(|seconds| allowed.contains(seconds));
            seconds.ok_or_else(|| format!("must be a whole number of seconds from {least} to {most}"))
        })
    }

    /// Notes a fault: a sentence that begins with the setting's name.
    pub fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }
}

/// How much is logged: `LOG_LEVEL`, one of `error`, `warn`, `info` (the default) and `debug`.
pub fn log_level(settings: &mut Settings<'_>) -> Option<Level> {
    let allowed = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG];
    settings.parsed("LOG_LEVEL", Level::INFO, |text| {
        let level = Level::from_str(text).ok().filter(|level| allowed.contains(level));
        level.ok_or("must be one of error, warn, info, debug")
    })
}

/// An address for [`Settings::parsed`].
pub fn http_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("must be an http or https URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_value_counts_as_not_set() {
        let error = load(&|_| Some(" ".to_owned()), |settings| settings.required("UPLOADS_BUCKET"));
        assert_eq!(
            error.unwrap_err().to_string(),
            "the configuration is unusable: UPLOADS_BUCKET is not set"
        );
        assert_eq!(load(&|_| Some(" ".to_owned()), log_level), Ok(Level::INFO));
    }

    #[test]
    fn every_fault_is_named() {
        let lookup = |name: &str| (name == "LOG_LEVEL").then(|| "loud".to_owned());
        let error = load(&lookup, |settings| {
            let (level, table) = (log_level(settings), settings.required("LEDGER_TABLE"));
            Some((level?, table?))
        });
        assert_eq!(
            error.unwrap_err().to_string(),
            "the configuration is unusable: LOG_LEVEL must be one of error, warn, info, debug; LEDGER_TABLE is not set"
        );
    }
}
