//! Generations: one record a request, which is the idempotency record and the prompt log at once.
//!
//! The ledger alone writes them (they change together with coins); this module says what they are and reads
//! them.

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::aws::{describe, is_transient};
use crate::coins::Coins;
use crate::idempotency::IdempotencyKey;
use crate::identity::UserId;
use crate::timestamps;

/// The local index that orders a user's generations by their time, and that can be read consistently.
const BY_CREATED_AT: &str = "by_created_at";

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
        // The length keeps apart what concatenation would mix up.
        let name = format!("{}:{user}:{}", user.as_str().len(), key.as_str());
        Self(Uuid::new_v5(&KEYED_IDS, name.as_bytes()))
    }

    /// Reads the text form.
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

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Its coins are held and its pictures are being made.
    Pending,
    /// Paid and delivered.
    Succeeded,
    /// It failed and its coins were given back.
    Failed,
    /// Its lease passed without a word, and its coins were given back.
    Expired,
}

impl Status {
    /// The word in the table.
    pub fn stored(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The word in an answer.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// Whether photos went in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// From the prompt alone.
    TextToImage,
    /// From the prompt and photos.
    ImageToImage,
}

/// Which photos the request brought, sent on or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoCount {
    /// Whether a face came.
    pub face: bool,
    /// How many product photos came.
    pub products: usize,
    /// Whether a background came.
    pub background: bool,
}

/// What is asked of fal, in a form fit to keep and to show: URLs are without their query strings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Whether photos go in.
    pub mode: Mode,
    /// fal's endpoint id.
    pub model: String,
    /// The prompt as sent.
    pub prompt: String,
    /// The photos of the request.
    pub photos: PhotoCount,
    /// What the model cannot take and was left out, by field name.
    pub dropped_inputs: Vec<String>,
    /// The body sent to fal. Kept as its text: DynamoDB's numbers would make `1` of `1.0`.
    #[serde(with = "json_text")]
    pub payload: serde_json::Value,
}

/// serde's view of a JSON value as the text it has.
mod json_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(Error::custom)
    }
}

impl Job {
    /// The URLs of the photos that were sent, whatever the model calls the field.
    pub fn image_urls(&self) -> impl Iterator<Item = &serde_json::Value> {
        let several = self.payload.get("image_urls").and_then(serde_json::Value::as_array);
        several.into_iter().flatten().chain(self.payload.get("image_url"))
    }
}

/// One generation, as its record in the `generations` table has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Whose it is.
    pub user_id: UserId,
    /// Its id.
    pub generation_id: GenerationId,
    /// The attempt that owns the record now.
    pub attempt_id: AttemptId,
    /// A hash of the validated request: two bodies that mean the same have the same.
    pub body_hash: String,
    /// How far it has come.
    pub status: Status,
    /// Until when the attempt may be running; after that, anyone may expire it.
    #[serde(with = "millisecond::required")]
    pub lease_until: Timestamp,
    /// Its price.
    pub coins: Coins,
    /// When the attempt began.
    #[serde(with = "timestamps::text")]
    pub created_at: Timestamp,
    /// What was asked of fal.
    pub job: Job,
    /// The pictures' URLs, once delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// The settled balance after this generation was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_coins: Option<Coins>,
    /// Why it failed: the problem's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

impl Generation {
    /// How far it has come by `now`: a pending one whose lease has passed is as good as expired.
    pub fn status_at(&self, now: Timestamp) -> Status {
        match self.status {
            Status::Pending if self.lease_until < now => Status::Expired,
            status => status,
        }
    }
}

/// A place in a user's list of generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When the generation there began.
    pub created_at: Timestamp,
    /// Its id.
    pub generation_id: GenerationId,
}

impl Position {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (created_at, generation_id) = text.split_once('#')?;
        Some(Self {
            created_at: created_at.parse().ok()?,
            generation_id: GenerationId::parse(generation_id)?,
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", timestamps::to_text(self.created_at), self.generation_id)
    }
}

/// Some of a user's generations, newest first.
#[derive(Debug)]
pub struct Page {
    /// Them.
    pub generations: Vec<Generation>,
    /// After which generation the next page begins, if there is one.
    pub next: Option<Position>,
}

/// The records could not be read.
#[derive(Debug, thiserror::Error)]
#[error("generations could not be read: {cause}")]
pub struct ReadError {
    /// What happened, for the log.
    pub cause: String,
    /// Whether the same call may succeed later.
    pub transient: bool,
}

/// The `generations` table, for reading.
#[derive(Debug, Clone)]
pub struct Generations {
    client: Client,
    table: String,
}

impl Generations {
    /// Reads `table` through `client`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The user's newest generation, whatever became of it. A generation that has just been answered is seen.
    pub async fn newest(&self, user: &UserId) -> Result<Option<Generation>, ReadError> {
        Ok(self.page(user, 1, None).await?.generations.pop())
    }

    /// At most `limit` of the user's generations, newest first, from after `after`.
    pub async fn page(&self, user: &UserId, limit: u16, after: Option<Position>) -> Result<Page, ReadError> {
        let query = self.client.query().table_name(&self.table).index_name(BY_CREATED_AT);
        let query = query.key_condition_expression("user_id = :user").scan_index_forward(false);
        let query = query.expression_attribute_values(":user", AttributeValue::S(user.to_string()));
        let start = after.map(|position| {
            let created_at = timestamps::to_text(position.created_at);
            let key = [
                ("user_id", user.to_string()),
                ("generation_id", position.generation_id.to_string()),
                ("created_at", created_at),
            ];
            key.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).into()
        });
        let query = query.consistent_read(true).limit(limit.into()).set_exclusive_start_key(start);
        let answer = query.send().await.map_err(|error| ReadError::of(&error))?;
        let is_last = answer.last_evaluated_key.is_none();
        let generations: Vec<Generation> =
            serde_dynamo::from_items(answer.items.unwrap_or_default()).map_err(ReadError::unreadable)?;
        let last = generations.last().filter(|_| !is_last);
        let next =
            last.map(|last| Position { created_at: last.created_at, generation_id: last.generation_id });
        Ok(Page { generations, next })
    }

    /// One of the user's generations, if it is theirs.
    pub async fn find(&self, user: &UserId, id: GenerationId) -> Result<Option<Generation>, ReadError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("user_id", AttributeValue::S(user.to_string()));
        let get = get.key("generation_id", AttributeValue::S(id.to_string()));
        let answer = get.send().await.map_err(|error| ReadError::of(&error))?;
        answer.item.map(serde_dynamo::from_item).transpose().map_err(ReadError::unreadable)
    }
}

impl ReadError {
    fn of<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Self {
        Self { cause: describe(error), transient: is_transient(error) }
    }

    fn unreadable(error: serde_dynamo::Error) -> Self {
        Self { cause: error.to_string(), transient: false }
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

    #[test]
    fn the_stored_status_is_the_serialized_one() {
        for status in [Status::Pending, Status::Succeeded, Status::Failed, Status::Expired] {
            assert_eq!(serde_json::to_value(status).expect("a string"), status.stored());
            assert_eq!(status.shown(), status.stored().to_lowercase());
        }
    }
}
