//! heal-batches: once a minute, ends the asynchronous batches of which no webhook has told and for which no merchant
//! has asked: fal made them, or failed, or never got them.

use std::time::Duration;

use common::batches::{Batches, BatchesConfig};
use common::events::EventFunction;
use common::function::{Function, Platform, StartError};
use common::generations::Status;
use common::identity::UserId;
use common::ids::GenerationId;
use common::metrics::{self, Metric};
use common::settings::Settings;
use futures::StreamExt;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;
use tokio::time::{sleep, timeout};

/// Most batches of one run, and how many are looked at at the same time. What is left is due in the next run.
const MOST: u16 = 200;
const AT_ONCE: usize = 8;

/// No look begins later in a run than this, and none takes longer than that.
const BEGIN_WITHIN: Duration = Duration::from_secs(30);
const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// A batch that is pending for longer is counted: something is wrong at fal or on the way.
const LATE: SignedDuration = SignedDuration::from_mins(10);

pub struct HealBatches {
    batches: Batches,
}

/// What one run came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Healed {
    /// How many batches were due.
    pub due: usize,
    /// How many of them have ended.
    pub ended: usize,
}

/// The run came to nothing. The name of the variant is the error type that Lambda records.
#[derive(Debug, Error)]
pub enum HealError {
    #[error("the batches that are due could not be read")]
    TryAgain,
}

impl From<HealError> for Diagnostic {
    fn from(error: HealError) -> Self {
        Self { error_type: "TryAgain".to_owned(), error_message: error.to_string() }
    }
}

impl Function for HealBatches {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = BatchesConfig;

    fn load(settings: &mut Settings<'_>) -> Option<BatchesConfig> {
        BatchesConfig::load(settings)
    }

    async fn connect(config: BatchesConfig, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self { batches: Batches::connect(config, platform).await? })
    }
}

impl EventFunction for HealBatches {
    /// EventBridge's, of which nothing is needed.
    type Event = Value;
    type Output = Healed;
    type Error = HealError;

    async fn handle(&self, _: Value, now: Timestamp) -> Result<Healed, HealError> {
        let due = self.batches.generations().due(now, MOST).await.map_err(|cause| {
            tracing::error!(%cause, "the batches that are due could not be read");
            HealError::TryAgain
        })?;
        let healed = Healed { due: due.len(), ended: 0 };
        if due.is_empty() {
            metrics::skip();
        }
        let looks =
            stream::iter(due).take_until(sleep(BEGIN_WITHIN)).map(async |(user_id, generation_id)| {
                let looked = timeout(LOOK_WITHIN, self.heal(user_id, generation_id, now)).await;
                looked.unwrap_or(false)
            });
        let ended = looks.buffer_unordered(AT_ONCE).filter(|ended| std::future::ready(*ended)).count().await;
        Ok(Healed { ended, ..healed })
    }
}

impl HealBatches {
    /// Whether the batch has ended.
    async fn heal(&self, user_id: UserId, generation_id: GenerationId, now: Timestamp) -> bool {
        let pulled = match self.batches.generations().find(&user_id, generation_id).await {
            Ok(Some(found)) => self.batches.pull(found, now).await,
            Ok(None) => return false,
            Err(cause) => Err(cause.into()),
        };
        match pulled {
            Ok(generation) if generation.status == Status::Pending => {
                if now.duration_since(generation.created_at) > LATE {
                    metrics::count(Metric::BatchesLate, 1);
                }
                false
            }
            Ok(_) => true,
            Err(problem) => {
                tracing::error!(%user_id, %generation_id, ?problem, "a batch could not be looked at");
                false
            }
        }
    }
}
