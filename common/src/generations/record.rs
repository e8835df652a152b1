//! What a generation is: the record of one request, which is the idempotency record and the prompt log at
//! once.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use super::QueuedPicture;
use crate::coins::Coins;
use crate::identity::UserId;
use crate::ids::{AttemptId, GenerationId};
use crate::timestamps;

/// The status of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Its coins are held and its pictures are being made.
    Pending,
    /// Paid and delivered.
    Succeeded,
    /// It failed and its coins were given back.
    Failed,
    /// Its lease passed and its coins were given back.
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

    /// The word in a response.
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

/// Which photos the request had, whether they were sent to fal or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoCount {
    /// Whether a face came.
    pub face: bool,
    /// How many product photos came.
    pub products: usize,
    /// Whether a background came.
    pub background: bool,
}

/// The request to fal in a form fit to keep and to show: URLs are without their query strings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Whether photos go in.
    pub mode: Mode,
    pub model: String,
    /// The photos of the request.
    pub photos: PhotoCount,
    /// The fields that were left out because the model has no place for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_inputs: Vec<String>,
    /// The body sent to fal. Stored as text, because DynamoDB's numbers would turn `1.0` into `1`.
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
    /// The prompt that was sent. It is in the payload of every model, so the record has it once: DynamoDB bills each
    /// write of an item by its kilobytes.
    pub fn prompt(&self) -> &str {
        self.payload["prompt"].as_str().unwrap_or_default()
    }

    /// The URLs of the photos that were sent, whatever the model calls the field.
    pub fn image_urls(&self) -> impl Iterator<Item = &serde_json::Value> {
        let several = self.payload.get("image_urls").and_then(serde_json::Value::as_array);
        several.into_iter().flatten().chain(self.payload.get("image_url"))
    }
}

/// One generation, as its record in the `generations` table has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    pub user_id: UserId,
    pub generation_id: GenerationId,
    /// The attempt that owns the record now.
    pub attempt_id: AttemptId,
    /// A hash of the validated request. Two bodies that mean the same have the same hash.
    pub body_hash: String,
    pub status: Status,
    /// Until when the attempt may be running; after that, anyone may expire it.
    #[serde(with = "millisecond::required")]
    pub lease_until: Timestamp,
    pub coins: Coins,
    /// When the attempt began.
    #[serde(with = "timestamps::text")]
    pub created_at: Timestamp,
    /// The request to fal.
    pub job: Job,
    /// The pictures' URLs, once delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// The settled balance after this generation was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_coins: Option<Coins>,
    /// The hash of the token in the address of each picture's webhook, of an asynchronous attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hashes: Option<[String; 2]>,
    /// The jobs in fal's queue of an asynchronous attempt, while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<[QueuedPicture; 2]>,
    /// When to ask fal what became of them, while they are pending.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub check_at: Option<Timestamp>,
    /// The code of the problem that made it fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

impl Generation {
    /// Its status at `now`: a pending generation whose lease has passed counts as expired, because its function has
    /// ended. fal may still deliver an asynchronous one, until an expiry is recorded.
    pub fn status_at(&self, now: Timestamp) -> Status {
        match self.status {
            Status::Pending if self.queued.is_none() && self.lease_until < now => Status::Expired,
            status => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_status_is_the_serialized_one() {
        for status in [Status::Pending, Status::Succeeded, Status::Failed, Status::Expired] {
            assert_eq!(serde_json::to_value(status).expect("a string"), status.stored());
            assert_eq!(status.shown(), status.stored().to_lowercase());
        }
    }
}
