//! Who is calling: the user's id, as the identity provider names them.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// OpenID Connect limits `sub` to 255 ASCII characters; a longer one is not an identity provider's.
const MAX_USER_ID_BYTES: usize = 255;

/// What API Gateway's JWT authorizer writes for a `sub` of null. Several people would be this user.
const NULL: &str = "<nil>";

/// A user's id: the `sub` claim of the token that API Gateway has verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

/// The text is empty, longer than 255 bytes, holds control characters, or stands for null.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be 1 to {MAX_USER_ID_BYTES} bytes of text without control characters")]
pub struct InvalidUserId;

impl UserId {
    /// Accepts 1 to 255 bytes without control characters, unchanged: two spellings are two users. `<nil>` is
    /// nobody.
    pub fn parse(text: &str) -> Result<Self, InvalidUserId> {
        let fits = !text.trim().is_empty() && text.len() <= MAX_USER_ID_BYTES;
        if fits && !text.chars().any(char::is_control) && text != NULL {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidUserId)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<UserId> for String {
    fn from(user: UserId) -> Self {
        user.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_common_providers_are_accepted() {
        for id in ["merchant-1", "auth0|507f1f77", "google-oauth2|1", "a@b.example", "pengguna ñ", "42"] {
            assert_eq!(UserId::parse(id).map(|user| user.to_string()), Ok(id.to_owned()));
        }
    }

    #[test]
    fn blank_long_null_and_control_characters_are_refused() {
        for id in ["<nil>", "", "  ", "a\nb", "\0", &"x".repeat(256)] {
            assert_eq!(UserId::parse(id), Err(InvalidUserId));
        }
    }
}
