//! A hold: coins set aside for one running attempt, and its form as an element of a profile's `holds` set.

use std::fmt;

use jiff::Timestamp;

use crate::coins::Coins;
use crate::generations::Generation;
use crate::identity::UserId;
use crate::ids::{AttemptId, GenerationId};

/// Coins set aside for one attempt. A settle or release names the hold that it ends, so a repeat finds the
/// hold gone and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a hold must be settled or released"]
pub struct Hold {
    pub user_id: UserId,
    pub generation_id: GenerationId,
    /// For which attempt at it.
    pub attempt_id: AttemptId,
    pub coins: Coins,
    /// After this time any request may give them back.
    pub lease_until: Timestamp,
    /// Whether the attempt is asynchronous: fal has its jobs, whatever becomes of our functions.
    pub is_asynchronous: bool,
}

impl Hold {
    /// The hold of a pending generation's current attempt.
    pub fn of(generation: &Generation) -> Self {
        Self {
            user_id: generation.user_id.clone(),
            generation_id: generation.generation_id,
            attempt_id: generation.attempt_id,
            coins: generation.coins,
            lease_until: generation.lease_until,
            is_asynchronous: generation.token_hashes.is_some(),
        }
    }

    /// Reads an element of the set in `user_id`'s profile; nothing if it has another form.
    pub(super) fn parse(user_id: &UserId, element: &str) -> Option<Self> {
        let mut parts = element.split('#');
        let (lease, attempt, coins, generation) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hold = Self {
            user_id: user_id.clone(),
            generation_id: GenerationId::parse(generation)?,
            attempt_id: AttemptId::parse(attempt)?,
            coins: Coins::new(coins.parse().ok()?),
            lease_until: Timestamp::from_millisecond(lease.parse().ok()?).ok()?,
            is_asynchronous: parts.next().is_some(),
        };
        (hold.to_string() == element).then_some(hold)
    }

    /// Whether its lease has passed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.lease_until < now
    }
}

/// `<lease_until, 13 digits of milliseconds>#<attempt>#<coins>#<generation>`, and `#fal` for an asynchronous
/// attempt: the set's text order is the order of expiry.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = self.lease_until.as_millisecond();
        let suffix = if self.is_asynchronous { "#fal" } else { "" };
        write!(f, "{lease:013}#{}#{}#{}{suffix}", self.attempt_id, self.coins, self.generation_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_reads_back_as_the_hold_it_was() {
        let user_id = UserId::parse("u").expect("a user id");
        let hold = Hold {
            user_id: user_id.clone(),
            generation_id: GenerationId::random(),
            attempt_id: AttemptId::random(),
            coins: Coins::new(3),
            lease_until: Timestamp::from_millisecond(1_790_000_000_123).expect("in range"),
            is_asynchronous: false,
        };
        let at_fal = Hold { is_asynchronous: true, ..hold.clone() };
        for hold in [&hold, &at_fal] {
            assert_eq!(Hold::parse(&user_id, &hold.to_string()).as_ref(), Some(hold));
        }
        for other in [
            "",
            "1#2#3#4",
            &format!("{hold}#"),
            &format!("{at_fal}#"),
            &format!("0{hold}"),
            &hold.to_string()[1..],
        ] {
            assert_eq!(Hold::parse(&user_id, other), None, "{other}");
        }
    }

    #[test]
    fn a_hold_expires_after_its_lease_and_not_at_it() {
        let lease_until = Timestamp::from_millisecond(1_790_000_000_000).expect("in range");
        let hold = Hold {
            user_id: UserId::parse("u").expect("a user id"),
            generation_id: GenerationId::random(),
            attempt_id: AttemptId::random(),
            coins: Coins::new(1),
            lease_until,
            is_asynchronous: false,
        };
        assert!(!hold.is_expired(lease_until));
        assert!(hold.is_expired(Timestamp::from_millisecond(1_790_000_000_001).expect("in range")));
    }
}
