//! fal.ai: what is sent, what comes back, and which failures may be tried again.
//!
//! The rules come from fal's public documentation, the types of its OpenAPI and its official clients.

mod client;
mod config;
mod cost;
mod error;
mod input;
mod queue;
mod response;
mod retention;
mod webhook;

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::secrets::Secret;

pub use client::{FalClient, Picture};
pub use config::FalConfig;
pub use cost::Megapixels;
pub use error::{FalError, FalErrorKind};
pub use input::{FluxGeneral, FluxTwoEdit, Input, Lora, Schnell, SentPhoto};
pub use queue::{JobState, Submission, Tickets};
pub use retention::Retention;
pub use webhook::{Report, Webhook};

/// A fal key, `<id>:<secret>`. Debug output is redacted.
#[derive(Clone)]
pub struct FalKey(SecretString);

impl Secret for FalKey {
    const FORM: &'static str = "must hold a fal key of the form <id>:<secret>, in visible ASCII characters";

    /// Accepts `<id>:<secret>`, with white space around it.
    fn parse(text: SecretString) -> Option<Self> {
        let key = text.expose_secret().trim();
        let halves = key.split_once(':').is_some_and(|(id, secret)| !id.is_empty() && !secret.is_empty());
        (halves && key.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(key.into()))
    }
}

impl FalKey {
    /// The value of the `Authorization` header.
    fn header(&self) -> String {
        format!("Key {}", self.0.expose_secret())
    }
}

impl fmt::Debug for FalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FalKey([redacted])")
    }
}

/// The hosts that may see the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FalHosts {
    /// Responds on the same connection.
    run: Url,
    /// Used when there is no connection to `run`, so that nothing was sent.
    backup: Option<Url>,
    /// Has the requests that `run` decided to queue.
    queue: Url,
}

impl FalHosts {
    /// fal's own hosts, or `run` in their place: then `queue` defaults to the same server, and there is no
    /// backup.
    pub fn new(run: Option<Url>, queue: Option<Url>) -> Self {
        let own = |text| Url::parse(text).expect("a constant URL");
        match run {
            Some(run) => Self { queue: queue.unwrap_or_else(|| run.clone()), backup: None, run },
            None => Self {
                run: own("https://fal.run"),
                backup: Some(own("https://falrun.com")),
                queue: queue.unwrap_or_else(|| own("https://queue.fal.run")),
            },
        }
    }

    /// Whether the key may be sent to `url`.
    fn trusts(&self, url: &Url) -> bool {
        [Some(&self.run), self.backup.as_ref(), Some(&self.queue)]
            .into_iter()
            .flatten()
            .any(|host| host.origin() == url.origin())
    }
}

/// `base` with `path` added to its own.
fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// The model for requests with photos: the operator's choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageToImageModel {
    /// FLUX.2 editing with up to four photos.
    #[default]
    FluxTwoEdit,
    /// FLUX.1 with one photo.
    FluxGeneral,
}

impl ImageToImageModel {
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::FluxTwoEdit => FluxTwoEdit::ENDPOINT,
            Self::FluxGeneral => FluxGeneral::ENDPOINT,
        }
    }

    /// Most photos that it takes.
    pub fn max_photos(self) -> usize {
        match self {
            Self::FluxTwoEdit => FluxTwoEdit::MAX_PHOTOS,
            Self::FluxGeneral => FluxGeneral::MAX_PHOTOS,
        }
    }
}

impl FromStr for ImageToImageModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = format!("must be {} or {}", FluxTwoEdit::ENDPOINT, FluxGeneral::ENDPOINT);
        match text {
            FluxTwoEdit::ENDPOINT => Ok(Self::FluxTwoEdit),
            FluxGeneral::ENDPOINT => Ok(Self::FluxGeneral),
            "fal-ai/flux-1.1/image-to-image" => Err(format!(
                "{allowed}: fal has no endpoint fal-ai/flux-1.1/image-to-image, which was used once"
            )),
            _ => Err(allowed),
        }
    }
}

/// How many inference steps a picture gets: 7, or 4 for the lowest cost. Both are within every endpoint's
/// range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps(u8);

impl Steps {
    pub fn count(self) -> u8 {
        self.0
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self(7)
    }
}

impl FromStr for Steps {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "7" => Ok(Self(7)),
            "4" => Ok(Self(4)),
            _ => Err("must be 7, or 4 for the lowest cost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_two_halves_and_shows_neither() {
        for text in ["", "id", "id:", ":secret", "id:se cret", "id:sécret"] {
            assert!(FalKey::parse(text.into()).is_none(), "{text}");
        }
        let key = FalKey::parse(" id:secret\n".into()).expect("a key");
        assert_eq!(format!("{key:?}"), "FalKey([redacted])");
        assert_eq!(key.header(), "Key id:secret");
    }

    #[test]
    fn only_fals_hosts_see_the_key() {
        let hosts = FalHosts::new(None, None);
        let trusts = |text: &str| hosts.trusts(&Url::parse(text).expect("a URL"));
        assert!(trusts("https://queue.fal.run/a") && trusts("https://fal.run/a"));
        assert!(!trusts("http://fal.run/a") && !trusts("https://fal.run.evil.example/a"));
        assert!(!trusts("https://v3.fal.media/files/x.jpg"));
    }

    #[test]
    fn another_server_takes_the_place_of_all_hosts() {
        let base = Url::parse("http://127.0.0.1:3000/_local/fal/").expect("a URL");
        let hosts = FalHosts::new(Some(base.clone()), None);
        assert_eq!((hosts.queue.clone(), hosts.backup), (base.clone(), None));
        assert_eq!(join(&base, "fal-ai/flux").as_str(), "http://127.0.0.1:3000/_local/fal/fal-ai/flux");
    }
}
