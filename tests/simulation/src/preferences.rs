//! Which merchants prefer an asynchronous batch, and how patient they are with it.

use fastrand::Rng;

/// Which requests prefer an asynchronous batch.
#[derive(Debug)]
pub enum Preferences {
    Never,
    Always,
    AtRandom(Rng),
}

impl Preferences {
    /// The `Prefer` header of the next request. Half of the requests have one at random, and some of these wait.
    pub fn header(&mut self) -> Option<String> {
        match self {
            Self::Never => None,
            Self::Always => Some("respond-async".to_owned()),
            Self::AtRandom(rng) => match rng.u8(0..6) {
                0 | 1 => Some("respond-async".to_owned()),
                2 => Some(format!("respond-async, wait={}", rng.u8(1..25))),
                _ => None,
            },
        }
    }

    /// How often a merchant looks at a batch that goes on.
    pub fn looks(&mut self) -> u8 {
        match self {
            Self::AtRandom(rng) => rng.u8(0..=3),
            _ => 0,
        }
    }
}
