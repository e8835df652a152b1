//! What happens to an asynchronous attempt between its hold and its end: fal's jobs become known, the first
//! picture is recorded, and somebody takes the turn to ask fal. Each is a conditional update of one item.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use super::expressions::text;
use super::transact::Unavailable;
use super::{Hold, Ledger, is_mine, read_generation};
use crate::generations::{Generation, QueuedPicture, Slot, Status};

/// The result of recording a picture.
#[derive(Debug)]
pub enum PictureRecorded {
    /// It is the first; the batch waits for the other one.
    First,
    /// The other one was there before: the batch can be settled with these two.
    Second([String; 2]),
    /// The attempt has ended, or another attempt has begun.
    Late,
}

/// The result of a conditional update of one item.
enum Updated {
    Applied,
    /// The generation as it is instead.
    Refused(Option<Box<Generation>>),
}

impl Ledger {
    /// Records what is known of fal's jobs, their ids and places in the queue, while the attempt is pending.
    pub async fn record_jobs(&self, hold: &Hold, pictures: &[QueuedPicture; 2]) -> Result<(), Unavailable> {
        let mut sets = Vec::new();
        let mut update = self.update_pending(hold, "");
        for (index, picture) in pictures.iter().enumerate() {
            let position = picture.queue_position.map(|position| AttributeValue::N(position.to_string()));
            let known =
                [("request_id", picture.request_id.as_deref().map(text)), ("queue_position", position)];
            for (name, value) in known {
                let Some(value) = value else { continue };
                sets.push(format!("queued[{index}].{name} = :{name}_{index}"));
                update = update.expression_attribute_values(format!(":{name}_{index}"), value);
            }
        }
        if sets.is_empty() {
            return Ok(());
        }
        send(update.update_expression(format!("SET {}", sets.join(", ")))).await.map(drop)
    }

    /// Records a picture of the attempt unless it is the second one, which the settle records. So no state is
    /// possible in which both are there and nobody settles.
    pub async fn record_picture(
        &self,
        hold: &Hold,
        slot: Slot,
        url: &str,
        request_id: &str,
    ) -> Result<PictureRecorded, Unavailable> {
        let place = format!("queued[{}]", slot.index());
        let none = "AND attribute_not_exists(queued[0].#url) AND attribute_not_exists(queued[1].#url)";
        let update = self
            .update_pending(hold, none)
            .update_expression(format!("SET {place}.#url = :url, {place}.request_id = :request_id"))
            .expression_attribute_names("#url", "url")
            .expression_attribute_values(":url", text(url))
            .expression_attribute_values(":request_id", text(request_id));
        let found = match send(update).await? {
            Updated::Applied => return Ok(PictureRecorded::First),
            Updated::Refused(found) => found.filter(|found| is_mine(found, hold, Status::Pending)),
        };
        let Some([first, second]) = found.and_then(|found| found.queued) else {
            return Ok(PictureRecorded::Late);
        };
        Ok(match (slot, first.url, second.url) {
            (Slot::First, None, Some(second)) => PictureRecorded::Second([url.to_owned(), second]),
            (Slot::Second, Some(first), None) => PictureRecorded::Second([first, url.to_owned()]),
            // This very picture is there: a reply was lost, or fal told twice.
            _ => PictureRecorded::First,
        })
    }

    /// Takes the turn that was due at `due` to ask fal about the attempt; the next one is at `next`. Returns
    /// whether it was ours: another request may have been faster.
    pub async fn take_turn(&self, hold: &Hold, due: Timestamp, next: Timestamp) -> Result<bool, Unavailable> {
        let millisecond = |at: Timestamp| AttributeValue::N(at.as_millisecond().to_string());
        let update = self
            .update_pending(hold, "AND check_at = :due")
            .update_expression("SET check_at = :next")
            .expression_attribute_values(":due", millisecond(due))
            .expression_attribute_values(":next", millisecond(next));
        Ok(matches!(send(update).await?, Updated::Applied))
    }

    /// An update of the attempt's generation while it is pending and `condition` holds.
    fn update_pending(&self, hold: &Hold, condition: &str) -> UpdateItemFluentBuilder {
        let condition = format!("attempt_id = :attempt AND #status = :pending {condition}");
        self.client
            .update_item()
            .table_name(self.generations.name())
            .key("user_id", text(hold.user_id.as_str()))
            .key("generation_id", text(hold.generation_id.to_string()))
            .condition_expression(condition.trim_end())
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":attempt", text(hold.attempt_id.to_string()))
            .expression_attribute_values(":pending", text(Status::Pending.stored()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// Sends an update, with the SDK's own retries: a repeat of an update that was applied changes nothing, because
/// it sets the same values.
async fn send(update: UpdateItemFluentBuilder) -> Result<Updated, Unavailable> {
    let error = match update.send().await {
        Ok(_) => return Ok(Updated::Applied),
        Err(error) => error,
    };
    if let SdkError::ServiceError(context) = &error
        && let UpdateItemError::ConditionalCheckFailedException(refusal) = context.err()
    {
        let found = refusal.item().cloned().unwrap_or_default();
        return Ok(Updated::Refused(read_generation(found)?.map(Box::new)));
    }
    Err(Unavailable::of(&error, true))
}
