//! Cursors: where the next page of a list begins, in a form that a client can keep but neither read nor
//! change.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use thiserror::Error;

use super::Position;
use crate::identity::UserId;
use crate::secrets::Secret;

/// Shortest key, in characters: what `openssl rand -hex 16` makes, and more than anybody guesses.
const MIN_KEY_CHARS: usize = 32;

/// Length of an HMAC-SHA-256 in bytes.
const TAG_BYTES: usize = 32;

/// The key that makes cursors tamper-evident. Every instance of a deployment has the same one.
#[derive(Clone)]
pub struct CursorKey(SecretString);

impl Secret for CursorKey {
    const FORM: &'static str = "must hold at least 32 characters that nobody can guess";

    fn parse(text: SecretString) -> Option<Self> {
        let key = text.expose_secret().trim();
        (key.chars().count() >= MIN_KEY_CHARS).then(|| Self(key.into()))
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey([redacted])")
    }
}

/// The text is not a cursor that this deployment made for this user.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("is not a cursor that was answered to you")]
pub struct InvalidCursor;

/// Makes and reads cursors.
#[derive(Clone)]
pub struct Cursors {
    hmac: Hmac<Sha256>,
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursors([redacted])")
    }
}

impl Cursors {
    /// Seals with `key`.
    pub fn new(key: &CursorKey) -> Self {
        // HMAC accepts keys of any length.
        let hmac = Hmac::new_from_slice(key.0.expose_secret().as_bytes());
        Self { hmac: hmac.unwrap_or_else(|_| unreachable!("an HMAC takes any key")) }
    }

    /// The cursor of `position` in `user`'s list: good for this user only.
    pub fn seal(&self, user: &UserId, position: &Position) -> String {
        let position = position.to_string();
        let tag = self.tag(user, &position).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode([tag.as_slice(), position.as_bytes()].concat())
    }

    /// Reads a cursor that [`Self::seal`] made for `user`.
    pub fn open(&self, user: &UserId, cursor: &str) -> Result<Position, InvalidCursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (tag, position) = bytes.split_at_checked(TAG_BYTES).ok_or(InvalidCursor)?;
        let position = std::str::from_utf8(position).map_err(|_| InvalidCursor)?;
        self.tag(user, position).verify_slice(tag).map_err(|_| InvalidCursor)?;
        Position::parse(position).ok_or(InvalidCursor)
    }

    fn tag(&self, user: &UserId, position: &str) -> Hmac<Sha256> {
        let length = user.as_str().len();
        self.hmac.clone().chain_update(format!("{length}:{user}:{position}"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ids::GenerationId;

    fn cursors(key: &str) -> Cursors {
        Cursors::new(&CursorKey::parse(key.into()).expect("a key"))
    }

    #[test]
    fn a_cursor_is_good_for_its_user_and_its_deployment_only() {
        let (one, other) = (cursors(&"a".repeat(32)), cursors(&"b".repeat(32)));
        let (user, stranger) = (UserId::parse("u").expect("an id"), UserId::parse("v").expect("an id"));
        let created_at = Timestamp::from_microsecond(1_790_000_000_123_456).expect("in range");
        let position = Position { created_at, generation_id: GenerationId::random() };
        let cursor = one.seal(&user, &position);
        assert_eq!(one.open(&user, &cursor), Ok(position));
        assert_eq!(one.open(&stranger, &cursor), Err(InvalidCursor));
        assert_eq!(other.open(&user, &cursor), Err(InvalidCursor));
    }

    #[test]
    fn a_changed_cursor_is_refused() {
        let (cursors, user) = (cursors(&"a".repeat(32)), UserId::parse("u").expect("an id"));
        let position = Position { created_at: Timestamp::UNIX_EPOCH, generation_id: GenerationId::random() };
        let cursor = cursors.seal(&user, &position);
        for index in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(cursors.open(&user, &changed), Err(InvalidCursor), "{index}");
        }
        for text in ["", "AAAA", "not base64!", &cursor[1..], &format!("{cursor}A")] {
            assert_eq!(cursors.open(&user, text), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_short_key_is_refused_and_a_key_is_never_shown() {
        assert!(CursorKey::parse("short".into()).is_none());
        assert_eq!(format!("{:?}", CursorKey::parse("k".repeat(32).into())), "Some(CursorKey([redacted]))");
    }
}
