//! Coins as numbers: whole, and never negative.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// A number of coins: what a batch costs, what a user has. Never negative, never a fraction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coins(u64);

impl Coins {
    /// `count` coins.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    pub const fn count(self) -> u64 {
        self.0
    }

    /// The difference, or nothing if it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum, or nothing past the largest number.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Coins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Sum for Coins {
    fn sum<I: Iterator<Item = Self>>(coins: I) -> Self {
        Self(coins.map(|coins| coins.0).sum())
    }
}

/// What a user has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Settled coins: paid in and not yet paid out.
    pub settled: Coins,
    /// The part of them that no running generation holds.
    pub available: Coins,
}
