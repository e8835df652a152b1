//! The `Prefer` header (RFC 7240): whether a client would rather have a response at once than wait for the result.

use std::time::Duration;

/// Longest wait that is honoured: less than the time of the function behind it.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// The client prefers `respond-async`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RespondAsync {
    /// How long it would wait for the result before that, if it said so.
    pub wait: Option<Duration>,
}

impl RespondAsync {
    /// Reads a `Prefer` header. Preferences that are not known are ignored, and so is `wait` alone.
    pub fn read(header: &str) -> Option<Self> {
        let mut preferences = header.split(',').map(|preference| {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'))
        });
        preferences.clone().find(|(name, _)| name == "respond-async")?;
        let wait = preferences.find(|(name, _)| name == "wait").and_then(|(_, seconds)| seconds.parse().ok());
        Some(Self { wait: wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)) })
    }

    /// The value of `Preference-Applied`.
    pub fn applied(self) -> String {
        match self.wait {
            Some(wait) => format!("respond-async, wait={}", wait.as_secs()),
            None => "respond-async".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_respond_async_changes_anything_and_the_first_wait_counts() {
        let read = |header| RespondAsync::read(header).map(RespondAsync::applied);
        for (header, applied) in [
            ("respond-async", Some("respond-async")),
            ("Respond-Async , WAIT = 20", Some("respond-async, wait=20")),
            ("wait=\"5\"; x=y, wait=9, handling=lenient, respond-async", Some("respond-async, wait=5")),
            ("respond-async, wait=9000", Some("respond-async, wait=25")),
            ("respond-async, wait=-1", Some("respond-async")),
            ("wait=20", None),
            ("return=minimal", None),
            ("", None),
        ] {
            assert_eq!(read(header).as_deref(), applied, "{header}");
        }
    }
}
