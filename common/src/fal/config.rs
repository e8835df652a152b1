//! How to reach fal, from the settings.

use super::{FalHosts, FalKey};
use crate::secrets::Source;
use crate::settings::{Settings, http_url};

/// How to reach fal.
#[derive(Debug, Clone)]
pub struct FalConfig {
    pub hosts: FalHosts,
    pub key: Source<FalKey>,
}

impl FalConfig {
    /// Reads `FAL_KEY` or `FAL_KEY_PARAMETER`, `FAL_BASE_URL` and `FAL_QUEUE_URL`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let base = settings.parsed("FAL_BASE_URL", None, |text| http_url(text).map(Some));
        let queue = settings.parsed("FAL_QUEUE_URL", None, |text| http_url(text).map(Some));
        let key = Source::load(settings, "FAL_KEY");
        Some(Self { hosts: FalHosts::new(base?, queue?), key: key? })
    }
}
