//! How to reach fal, from the settings.

use std::time::Duration;

use super::{FalHosts, FalKey};
use crate::secrets::Source;
use crate::settings::{Settings, http_url};

/// Longest wait for one fal request. Behind an HTTP API the function's own deadline is shorter and wins.
const MAX_TIMEOUT_SECONDS: u64 = 180;

/// How to reach fal.
#[derive(Debug, Clone)]
pub struct FalConfig {
    pub hosts: FalHosts,
    pub key: Source<FalKey>,
    /// The longest wait for one request.
    pub timeout: Duration,
}

impl FalConfig {
    /// Reads `FAL_KEY` or `FAL_KEY_PARAMETER`, `FAL_BASE_URL`, `FAL_QUEUE_URL` and `FAL_TIMEOUT_SECONDS`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let base = settings.parsed("FAL_BASE_URL", None, |text| http_url(text).map(Some));
        let queue = settings.parsed("FAL_QUEUE_URL", None, |text| http_url(text).map(Some));
        let seconds = settings.parsed("FAL_TIMEOUT_SECONDS", MAX_TIMEOUT_SECONDS, |text| {
            let seconds = text.parse().ok().filter(|seconds| (1..=MAX_TIMEOUT_SECONDS).contains(seconds));
            seconds.ok_or(format!("must be a whole number of seconds from 1 to {MAX_TIMEOUT_SECONDS}"))
        });
        let key = Source::load(settings, "FAL_KEY");
        Some(Self { hosts: FalHosts::new(base?, queue?), key: key?, timeout: Duration::from_secs(seconds?) })
    }
}
