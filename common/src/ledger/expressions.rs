//! The ledger's writes as DynamoDB actions. Each asks for the item as it is when its condition fails, so that
//! a refusal explains itself without another read.
//!
//! Conditions cannot add or subtract, which is why a profile stores what is available beside what is settled.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    builders::UpdateBuilder,
};
use jiff::{SignedDuration, Timestamp};

use super::budget::FailureBudget;
use super::transact::Item;
use super::{Failure, Hold};
use crate::coins::Coins;
use crate::generations::{Generation, Status};
use crate::identity::UserId;
use crate::tables::{GenerationsTable, LedgerTable, ProfilesTable};
use crate::timestamps;

/// How long the table keeps a finished generation. Hygiene: no rule depends on it, and a pending one has no
/// end, because its hold could not be given back without it.
const KEEP_FINISHED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most generations of one user that run at the same time.
pub(super) const MAX_HOLDS: usize = 4;

/// How a generation ended, other than by success.
#[derive(Debug, Clone, Copy)]
pub(super) enum GiveBack<'a> {
    Failed(Failure<'a>),
    /// Its lease had passed before `now`.
    Expired,
}

/// One entry of the append-only ledger.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    /// `charge#<attempt>`, `topup#<reference>` or `takeback#<reference>`.
    pub entry_id: String,
    pub user_id: UserId,
    /// What was added to the settled balance.
    pub delta: i64,
    pub coins_balance: Coins,
    #[serde(with = "timestamps::text")]
    pub at: Timestamp,
}

impl GenerationsTable {
    /// Puts a pending generation where none is, or over an older, ended attempt at the same request. A copy
    /// of a hold that was under way until its own attempt, or a newer one, had ended begins nothing.
    pub(super) fn put_pending(
        &self,
        item: Item,
        pending: &Generation,
    ) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(self.name())
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(generation_id) OR (body_hash = :hash AND #status IN (:failed, :expired) \
                 AND created_at < :created_at)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":hash", text(&pending.body_hash))
            .expression_attribute_values(":created_at", text(timestamps::to_text(pending.created_at)))
            .expression_attribute_values(":failed", text(Status::Failed.stored()))
            .expression_attribute_values(":expired", text(Status::Expired.stored()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Marks the attempt's generation as delivered.
    pub(super) fn mark_succeeded(
        &self,
        hold: &Hold,
        images: &[String],
        remaining: Coins,
        now: Timestamp,
    ) -> Result<TransactWriteItem, BuildError> {
        let images = images.iter().map(text).collect();
        let update = self
            .update(hold)
            .update_expression(
                "SET #status = :status, images = :images, remaining_coins = :remaining, \
                 expires_at = :expires_at REMOVE queued, check_at, pending_at",
            )
            .condition_expression("attempt_id = :attempt AND #status = :pending")
            .expression_attribute_values(":status", text(Status::Succeeded.stored()))
            .expression_attribute_values(":images", AttributeValue::L(images))
            .expression_attribute_values(":remaining", number(remaining))
            .expression_attribute_values(":expires_at", end_of(now));
        built(update)
    }

    /// Marks the attempt's generation as ended without pictures.
    pub(super) fn mark_ended(
        &self,
        hold: &Hold,
        how: GiveBack<'_>,
        now: Timestamp,
    ) -> Result<TransactWriteItem, BuildError> {
        let mine = "attempt_id = :attempt AND #status = :pending";
        let (status, error_code, condition) = match how {
            GiveBack::Failed(failure) => (Status::Failed, failure.code, mine.to_owned()),
            GiveBack::Expired => (Status::Expired, "expired", format!("{mine} AND lease_until < :now_ms")),
        };
        let mut update = self
            .update(hold)
            .update_expression(
                "SET #status = :status, error_code = :code, expires_at = :expires_at \
                 REMOVE queued, check_at, pending_at",
            )
            .condition_expression(condition)
            .expression_attribute_values(":status", text(status.stored()))
            .expression_attribute_values(":code", text(error_code))
            .expression_attribute_values(":expires_at", end_of(now));
        if matches!(how, GiveBack::Expired) {
            let now_ms = AttributeValue::N(now.as_millisecond().to_string());
            update = update.expression_attribute_values(":now_ms", now_ms);
        }
        built(update)
    }

    fn update(&self, hold: &Hold) -> UpdateBuilder {
        Update::builder()
            .table_name(self.name())
            .key("user_id", text(hold.user_id.as_str()))
            .key("generation_id", text(hold.generation_id.to_string()))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":attempt", text(hold.attempt_id.to_string()))
            .expression_attribute_values(":pending", text(Status::Pending.stored()))
    }
}

impl ProfilesTable {
    /// Takes the coins from what is available and notes who holds them. An imported profile that never had
    /// `coins_available` counts as holding nothing. The budget has room for the failure of every batch that runs.
    pub(super) fn place_hold(
        &self,
        hold: &Hold,
        budget: FailureBudget,
    ) -> Result<TransactWriteItem, BuildError> {
        let mut rooms = vec![
            "(attribute_not_exists(failures) AND (attribute_not_exists(holds) OR size(holds) < :beside_0))"
                .to_owned(),
        ];
        rooms.extend((0..MAX_HOLDS).map(|running| match running {
            0 => "(attribute_not_exists(holds) AND size(failures) < :beside_0)".to_owned(),
            _ => format!("(size(holds) <= :running_{running} AND size(failures) < :beside_{running})"),
        }));
        let mut update = self
            .update(&hold.user_id)
            .update_expression(
                "SET coins_available = if_not_exists(coins_available, coins_balance) - :coins ADD holds :holds",
            )
            .condition_expression(format!(
                "(coins_available >= :coins OR (attribute_not_exists(coins_available) AND coins_balance >= :coins)) \
                 AND (attribute_not_exists(holds) OR size(holds) < :most) AND ({})",
                rooms.join(" OR ")
            ))
            .expression_attribute_values(":coins", number(hold.coins))
            .expression_attribute_values(":holds", AttributeValue::Ss(vec![hold.to_string()]))
            .expression_attribute_values(":most", count(MAX_HOLDS));
        for running in 0..MAX_HOLDS {
            let left = count(budget.beside(running));
            update = update.expression_attribute_values(format!(":beside_{running}"), left);
            if running > 0 {
                update = update.expression_attribute_values(format!(":running_{running}"), count(running));
            }
        }
        built(update)
    }

    /// Takes the held coins out of the settled balance, which must be `before`, and ends the hold.
    pub(super) fn settle_hold(
        &self,
        hold: &Hold,
        before: Coins,
        after: Coins,
    ) -> Result<TransactWriteItem, BuildError> {
        let update = self
            .update(&hold.user_id)
            .update_expression("SET coins_balance = :after DELETE holds :holds")
            .condition_expression("contains(holds, :hold) AND coins_balance = :before")
            .expression_attribute_values(":before", number(before))
            .expression_attribute_values(":after", number(after))
            .expression_attribute_values(":hold", text(hold.to_string()))
            .expression_attribute_values(":holds", AttributeValue::Ss(vec![hold.to_string()]));
        built(update)
    }

    /// Makes the held coins available again and ends the hold. A failure that counts leaves its stamp.
    pub(super) fn release_hold(
        &self,
        hold: &Hold,
        stamp: Option<String>,
    ) -> Result<TransactWriteItem, BuildError> {
        let mut expression = "SET coins_available = coins_available + :coins DELETE holds :holds".to_owned();
        let mut update = self.update(&hold.user_id);
        if let Some(stamp) = stamp {
            expression.push_str(" ADD failures :failures");
            update = update.expression_attribute_values(":failures", AttributeValue::Ss(vec![stamp]));
        }
        let update = update
            .update_expression(expression)
            .condition_expression("contains(holds, :hold)")
            .expression_attribute_values(":coins", number(hold.coins))
            .expression_attribute_values(":hold", text(hold.to_string()))
            .expression_attribute_values(":holds", AttributeValue::Ss(vec![hold.to_string()]));
        built(update)
    }

    /// Adds coins to a balance that is `before`, and creates a missing profile. An imported profile
    /// that never had `coins_available` has all of `before` available.
    pub(super) fn add_coins(
        &self,
        user: &UserId,
        coins: Coins,
        before: Option<Coins>,
        after: Coins,
    ) -> Result<TransactWriteItem, BuildError> {
        let condition = match before {
            None => "attribute_not_exists(coins_balance)",
            Some(_) => "coins_balance = :before",
        };
        let update = self
            .update(user)
            .update_expression(
                "SET coins_balance = :after, coins_available = if_not_exists(coins_available, :before) + :coins",
            )
            .condition_expression(condition)
            .expression_attribute_values(":before", number(before.unwrap_or_default()))
            .expression_attribute_values(":after", number(after))
            .expression_attribute_values(":coins", number(coins));
        built(update)
    }

    /// Takes free coins out of a balance that is `before`.
    pub(super) fn take_coins(
        &self,
        user: &UserId,
        coins: Coins,
        before: Coins,
        after: Coins,
    ) -> Result<TransactWriteItem, BuildError> {
        let update = self
            .update(user)
            .update_expression(
                "SET coins_balance = :after, coins_available = if_not_exists(coins_available, :before) - :coins",
            )
            .condition_expression(
                "coins_balance = :before AND (coins_available >= :coins OR \
                 (attribute_not_exists(coins_available) AND coins_balance >= :coins))",
            )
            .expression_attribute_values(":before", number(before))
            .expression_attribute_values(":after", number(after))
            .expression_attribute_values(":coins", number(coins));
        built(update)
    }

    fn update(&self, user: &UserId) -> UpdateBuilder {
        Update::builder().table_name(self.name()).key("user_id", text(user.as_str()))
    }
}

impl LedgerTable {
    /// Appends an entry that must be new.
    pub(super) fn append(&self, item: Item) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder()
            .table_name(self.name())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(entry_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

fn built(update: UpdateBuilder) -> Result<TransactWriteItem, BuildError> {
    let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn count(number: usize) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn number(coins: Coins) -> AttributeValue {
    AttributeValue::N(coins.to_string())
}

fn end_of(now: Timestamp) -> AttributeValue {
    AttributeValue::N((now.as_second() + KEEP_FINISHED.as_secs()).to_string())
}

#[cfg(test)]
mod tests;
