//! A user's row in the `profiles` table, as it is read.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;

use super::transact::{Item, Unavailable, broken};
use super::{Hold, HoldRefused};
use crate::coins::{Balance, Coins};
use crate::identity::UserId;
use crate::tables::ProfilesTable;

/// The profiles, for reading.
#[derive(Debug, Clone)]
pub struct Profiles {
    client: Client,
    table: ProfilesTable,
}

impl Profiles {
    /// Reads `table` through `client`.
    pub fn new(client: Client, table: ProfilesTable) -> Self {
        Self { client, table }
    }

    /// What `user` has, read consistently. A user never seen before has nothing, and nothing is written.
    pub async fn balance(&self, user: &UserId, now: Timestamp) -> Result<Balance, Unavailable> {
        Ok(self.read(user).await?.balance(user, now))
    }

    /// Refuses a user who has fewer than `required` coins available.
    pub async fn require(&self, user: &UserId, required: Coins, now: Timestamp) -> Result<(), HoldRefused> {
        let balance = self.balance(user, now).await?;
        if balance.available < required {
            return Err(HoldRefused::InsufficientCoins { required, balance });
        }
        Ok(())
    }

    /// Removes the stamps of failures that do not count any more.
    pub(super) async fn forget(&self, user: &UserId, stamps: Vec<String>) -> Result<(), Unavailable> {
        let update = self.client.update_item().table_name(self.table.name());
        let update = update.key("user_id", AttributeValue::S(user.to_string()));
        let update = update.update_expression("DELETE failures :stamps");
        let update = update.expression_attribute_values(":stamps", AttributeValue::Ss(stamps));
        update.send().await.map(drop).map_err(|error| Unavailable::of(&error, true))
    }

    pub(super) fn table(&self) -> &ProfilesTable {
        &self.table
    }

    pub(super) async fn read(&self, user: &UserId) -> Result<Profile, Unavailable> {
        let get = self.client.get_item().table_name(self.table.name()).consistent_read(true);
        let get = get.key("user_id", AttributeValue::S(user.to_string()));
        let response = get.send().await.map_err(|error| Unavailable::of(&error, false))?;
        Profile::read(response.item.unwrap_or_default()).map_err(broken)
    }
}

/// The attributes that the ledger knows; a row may have others, which are left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    /// Settled coins; absent in a row that another system made and that never had a coin.
    pub coins_balance: Option<Coins>,
    /// Free coins; absent in an imported row, where it means all of them.
    coins_available: Option<Coins>,
    /// The holds in their text form.
    holds: Vec<String>,
    /// The stamps of the failures that fal may bill.
    pub failures: Vec<String>,
}

impl Profile {
    /// Reads a row; an empty one is a user never seen before.
    pub fn read(item: Item) -> Result<Self, serde_dynamo::Error> {
        serde_dynamo::from_item(item)
    }

    /// Whether `hold` is in force.
    pub fn has(&self, hold: &Hold) -> bool {
        self.holds.contains(&hold.to_string())
    }

    /// How many holds are in force, expired ones included.
    pub fn hold_count(&self) -> usize {
        self.holds.len()
    }

    /// The holds whose lease has passed.
    pub fn expired_holds(&self, user: &UserId, now: Timestamp) -> Vec<Hold> {
        let holds = self.holds.iter().filter_map(|element| {
            let hold = Hold::parse(user, element);
            if hold.is_none() {
                tracing::error!(%user, element, "a hold cannot be read, its coins stay held");
            }
            hold
        });
        holds.filter(|hold| hold.is_expired(now)).collect()
    }

    /// The coins that no hold covers.
    pub fn free(&self) -> Coins {
        self.coins_available.or(self.coins_balance).unwrap_or_default()
    }

    /// What the user has and can spend now. Coins of an expired hold can be spent: the next hold frees them.
    pub fn balance(&self, user: &UserId, now: Timestamp) -> Balance {
        let settled = self.coins_balance.unwrap_or_default();
        let reclaimable: Coins = self.expired_holds(user, now).iter().map(|hold| hold.coins).sum();
        Balance { settled, available: Coins::new(self.free().count().saturating_add(reclaimable.count())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AttemptId, GenerationId};

    fn hold(lease_until_ms: i64) -> Hold {
        Hold {
            user_id: UserId::parse("u").expect("a user id"),
            generation_id: GenerationId::random(),
            attempt_id: AttemptId::random(),
            coins: Coins::new(2),
            lease_until: Timestamp::from_millisecond(lease_until_ms).expect("in range"),
            is_asynchronous: false,
        }
    }

    fn row(attributes: &[(&str, AttributeValue)]) -> Profile {
        let item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Profile::read(item).expect("a profile")
    }

    #[test]
    fn an_imported_row_needs_no_migration() {
        let now = Timestamp::from_millisecond(1_790_000_000_000).expect("in range");
        let user = hold(0).user_id;
        assert_eq!(row(&[]).balance(&user, now), Balance::default());
        let imported = row(&[
            ("coins_balance", AttributeValue::N("7".into())),
            ("email", AttributeValue::S("x".into())),
        ]);
        assert_eq!(
            imported.balance(&user, now),
            Balance { settled: Coins::new(7), available: Coins::new(7) }
        );
    }

    #[test]
    fn coins_of_an_expired_hold_count_as_available() {
        let now = Timestamp::from_millisecond(1_790_000_000_000).expect("in range");
        let (old, running) = (hold(1_789_999_999_999), hold(1_790_000_000_001));
        let profile = row(&[
            ("coins_balance", AttributeValue::N("10".into())),
            ("coins_available", AttributeValue::N("6".into())),
            ("holds", AttributeValue::Ss(vec![old.to_string(), running.to_string()])),
        ]);
        assert_eq!(
            profile.balance(&old.user_id, now),
            Balance { settled: Coins::new(10), available: Coins::new(8) }
        );
        assert_eq!(profile.expired_holds(&old.user_id, now), [old]);
        assert!(profile.has(&running));
    }
}
