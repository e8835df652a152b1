//! What an asynchronous attempt has beside a synchronous one: a job in fal's queue for each of its two pictures.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use super::Generation;
use crate::identity::UserId;
use crate::ids::GenerationId;

/// One of a batch's two pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    First,
    Second,
}

impl Slot {
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    /// Its place in the list of pictures.
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// A picture that fal's queue is to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueuedPicture {
    /// fal's id of the job, since the submission's response or a webhook named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How many requests fal had to start before it, when it was submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u64>,
    /// The picture, if it was made before the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What the address of a webhook holds that nobody else can guess.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// A fresh one of 244 random bits.
    pub fn random() -> Self {
        let [first, second] = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::simple);
        Self(format!("{first}{second}").into())
    }

    /// The token's SHA-256 in Base64.
    pub fn hash(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose_secret()))
    }
}

/// The end of a webhook's address: which picture the webhook is about, and the proof that we made the address.
#[derive(Debug, Clone)]
pub struct Callback {
    pub user_id: UserId,
    pub generation_id: GenerationId,
    pub slot: Slot,
    pub token: Token,
}

impl Callback {
    /// The callback as one segment of a path. The segment is a secret: with it, anybody can report a result.
    pub fn to_segment(&self) -> SecretString {
        let Self { user_id, generation_id, slot, token } = self;
        let text = format!("{} {} {generation_id} {user_id}", token.0.expose_secret(), slot.index());
        BASE64_URL_SAFE_NO_PAD.encode(text).into()
    }

    /// The address of the webhook, below the public URL of our API. It is a secret as well.
    pub fn address(&self, public_url: &Url) -> Url {
        let mut url = public_url.clone();
        let base = public_url.path().trim_end_matches('/');
        url.set_path(&format!("{base}/api/fal-webhook/{}", self.to_segment().expose_secret()));
        url
    }

    /// Reads a segment that [`Self::to_segment`] made.
    pub fn parse(segment: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(segment).ok()?).ok()?;
        let mut parts = text.splitn(4, ' ');
        let (token, slot, generation, user) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            user_id: UserId::parse(user).ok()?,
            generation_id: GenerationId::parse(generation)?,
            slot: Slot::BOTH.into_iter().find(|known| known.index().to_string() == slot)?,
            token: Token(token.into()),
        })
    }

    /// Whether `generation`'s current attempt has this callback's token.
    pub fn belongs_to(&self, generation: &Generation) -> bool {
        let hashes = generation.token_hashes.as_ref();
        hashes.is_some_and(|hashes| hashes[self.slot.index()] == self.token.hash())
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_reads_back_as_the_callback_it_was() {
        for user in ["merchant-1", "auth0|a b", "pengguna ñ/../x"] {
            let callback = Callback {
                user_id: UserId::parse(user).expect("a user id"),
                generation_id: GenerationId::random(),
                slot: Slot::Second,
                token: Token::random(),
            };
            let segment = callback.to_segment();
            let segment = segment.expose_secret();
            assert!(
                segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{segment}"
            );
            let read = Callback::parse(segment).expect("a callback");
            assert_eq!((&read.user_id, read.generation_id), (&callback.user_id, callback.generation_id));
            assert_eq!((read.slot, read.token.hash()), (callback.slot, callback.token.hash()));
            assert!(!format!("{callback:?}").contains(callback.token.0.expose_secret()));
        }
        for other in ["", "a", "YQ", "MSAyIDMgNA"] {
            assert!(Callback::parse(other).is_none(), "{other}");
        }
    }
}
