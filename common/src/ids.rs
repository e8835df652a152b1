//! The ids of a generation and of one attempt at it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::idempotency::IdempotencyKey;
use crate::identity::UserId;

/// The namespace of ids derived from Idempotency-Keys (a UUID made for this purpose, never to change).
const KEYED_IDS: Uuid = Uuid::from_u128(0x9d3c_55a1_2b6f_47c8_b1f0_64ce_1e0a_7d25);

/// A generation's id: where its record lies under its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GenerationId(Uuid);

impl GenerationId {
    /// A fresh id, ordered by time (UUIDv7), for a request without a key.
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of every request that `user` makes under `key` (UUIDv5), so that a repeat meets the first.
    pub fn for_key(user: &UserId, key: &IdempotencyKey) -> Self {
        // With the length, two pairs of user and key never make the same name.
        let name = format!("{}:{user}:{}", user.as_str().len(), key.as_str());
        Self(Uuid::new_v5(&KEYED_IDS, name.as_bytes()))
    }

    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One attempt at a generation: the fencing token that tells a late writer from the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(Uuid);

impl AttemptId {
    /// A fresh one, never used before.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).expect("a user id")
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).expect("a key")
    }

    #[test]
    fn a_key_names_one_generation_of_one_user() {
        let id = GenerationId::for_key(&user("u"), &key("a"));
        assert_eq!(id, GenerationId::for_key(&user("u"), &key("\"a\"")));
        assert_ne!(id, GenerationId::for_key(&user("v"), &key("a")));
        assert_ne!(
            GenerationId::for_key(&user("u:1"), &key("a")),
            GenerationId::for_key(&user("u"), &key("1:a"))
        );
        assert_ne!(GenerationId::random(), GenerationId::random());
    }
}
