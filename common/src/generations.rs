//! Generations: one record a request. The ledger alone writes them, because they change together with coins;
//! this module says what they are and reads them.

mod cursors;
mod queued;
mod record;

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use jiff::Timestamp;
use serde::Deserialize;

use crate::aws::{describe, is_transient};
use crate::identity::UserId;
use crate::ids::GenerationId;
use crate::tables::GenerationsTable;
use crate::timestamps;

pub use cursors::{CursorKey, Cursors, InvalidCursor};
pub use queued::{Callback, QueuedPicture, Slot, Token};
pub use record::{Generation, Job, Mode, PhotoCount, Status};

/// The local index that orders a user's generations by their time, and that can be read consistently. The index has
/// only the keys, so that most writes of a generation cost nothing there; DynamoDB fetches the rest from the table.
const BY_CREATED_AT: &str = "by_created_at";

/// The sparse index of the asynchronous generations that are pending, by when to look at them next.
const BY_CHECK_AT: &str = "by_check_at";

/// The partition of that index.
pub(crate) const PENDING_AT_FAL: &str = "fal";

/// A generation's key in the table.
#[derive(Deserialize)]
struct Key {
    user_id: UserId,
    generation_id: GenerationId,
}

/// A place in a user's list of generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// When the generation there began.
    pub created_at: Timestamp,
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
    table: GenerationsTable,
}

impl Generations {
    /// Reads `table` through `client`.
    pub fn new(client: Client, table: GenerationsTable) -> Self {
        Self { client, table }
    }

    /// The user's newest generation, whatever its status. Reads are consistent, so a generation that has just
    /// ended is seen.
    pub async fn newest(&self, user: &UserId) -> Result<Option<Generation>, ReadError> {
        Ok(self.page(user, 1, None).await?.generations.pop())
    }

    /// At most `limit` of the user's generations, newest first, from after `after`.
    pub async fn page(&self, user: &UserId, limit: u16, after: Option<Position>) -> Result<Page, ReadError> {
        let query = self.client.query().table_name(self.table.name()).index_name(BY_CREATED_AT);
        let query = query.key_condition_expression("user_id = :user").scan_index_forward(false);
        let query = query.select(Select::AllAttributes);
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

    /// Whose asynchronous generations are due to be looked at, the longest waiting first, at most `limit`. The
    /// index may lag behind the table, so each must be read before anything follows from it.
    pub async fn due(&self, now: Timestamp, limit: u16) -> Result<Vec<(UserId, GenerationId)>, ReadError> {
        let query = self.client.query().table_name(self.table.name()).index_name(BY_CHECK_AT);
        let query = query.key_condition_expression("pending_at = :fal AND check_at <= :now");
        let query = query.expression_attribute_values(":fal", AttributeValue::S(PENDING_AT_FAL.to_owned()));
        let now = AttributeValue::N(now.as_millisecond().to_string());
        let query = query.expression_attribute_values(":now", now).limit(limit.into());
        let response = query.send().await.map_err(|error| ReadError::of(&error))?;
        let keys: Vec<Key> =
            serde_dynamo::from_items(response.items.unwrap_or_default()).map_err(ReadError::unreadable)?;
        Ok(keys.into_iter().map(|key| (key.user_id, key.generation_id)).collect())
    }

    /// The user's generation with this id.
    pub async fn find(&self, user: &UserId, id: GenerationId) -> Result<Option<Generation>, ReadError> {
        let get = self.client.get_item().table_name(self.table.name()).consistent_read(true);
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
