//! The five transitions, each an atomic conditional transaction: the expressions of
//! `common/src/coins/expressions.rs`, one for one.

use crate::flaws::Flaw;
use crate::state::{Attempt, Attempts, Call, Coins, Entry, Generation, Items, Status, Who};
use crate::steps::Model;

/// Which conditions of a transaction did not hold. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The one on the generation.
    pub generation: bool,
    /// The one on the profile.
    pub profile: bool,
    /// The one on the ledger's entry.
    pub entry: bool,
}

/// Refuses, unless the conditions on generation, profile and entry all hold.
fn require(generation: bool, profile: bool, entry: bool) -> Result<(), Refused> {
    if generation && profile && entry {
        return Ok(());
    }
    Err(Refused { generation: !generation, profile: !profile, entry: !entry })
}

impl Model {
    /// Has the tables decide about a call of `who`. The leases of `lapsed` have passed.
    pub fn decide(&self, items: &mut Items, lapsed: Attempts, who: Who, call: Call) -> Result<(), Refused> {
        match (call, who) {
            (Call::Hold, Who::Request(mine)) => self.hold(items, mine),
            (Call::Settle { before }, Who::Request(mine)) => self.settle(items, mine, before),
            (Call::Release, Who::Request(mine)) => self.give_back(items, mine, Status::Failed, true),
            (Call::Expire { of }, _) => {
                let has_passed = lapsed.has(of) || self.has(Flaw::ExpireIgnoresLease);
                self.give_back(items, of, Status::Expired, has_passed)
            }
            (Call::TopUp { before }, Who::TopUp(number)) => self.top_up(items, number, before),
            (Call::TopUp { .. }, Who::Request(_)) | (_, Who::TopUp(_)) => unreachable!("nobody sends this"),
        }
    }

    /// **hold**: puts the generation as pending where none is, or over an older, ended attempt at the same body;
    /// takes the price from what is available and notes who holds it, if that is enough and there is room.
    fn hold(&self, items: &mut Items, mine: Attempt) -> Result<(), Refused> {
        let plan = self.scenario.plan(mine);
        let generation = &mut items.generations[plan.key];
        let may_put = generation.is_none_or(|found| {
            let same = found.body == plan.body || self.has(Flaw::HoldIgnoresBody);
            let ended = matches!(found.status, Status::Failed | Status::Expired);
            let older = found.attempt < mine || self.has(Flaw::HoldIgnoresAge);
            same && (ended && older || self.has(Flaw::HoldIgnoresStatus))
        });
        let profile = &mut items.profile;
        let is_enough = profile.available.or(profile.balance).is_some_and(|free| free >= plan.coins);
        let has_room = profile.holds.len() < self.scenario.most_holds;
        let may_take =
            (is_enough || self.has(Flaw::HoldIgnoresCoins)) && (has_room || self.has(Flaw::HoldIgnoresLimit));
        require(may_put, may_take, true)?;

        let (attempt, body, status) = (mine, plan.body, Status::Pending);
        *generation = Some(Generation { attempt, body, status, remaining: None });
        profile.available = Some(profile.available() - plan.coins);
        profile.holds.add(mine);
        Ok(())
    }

    /// **settle**: marks the generation as succeeded, if it is mine and pending; takes the price from a balance
    /// that is still `before` and deletes the hold, if it is there; appends the charge, once.
    fn settle(&self, items: &mut Items, mine: Attempt, before: Coins) -> Result<(), Refused> {
        let plan = self.scenario.plan(mine);
        let Some(generation) = &mut items.generations[plan.key] else {
            return require(false, false, true);
        };
        let profile = &mut items.profile;
        let bare = self.has(Flaw::DecrementWithoutHold);
        let is_mine = generation.attempt == mine || self.has(Flaw::NoFence);
        let is_pending = generation.status == Status::Pending || self.has(Flaw::SettleIgnoresStatus);
        let is_held = profile.holds.has(mine) || self.has(Flaw::SettleIgnoresHold);
        let is_before = profile.balance == Some(before) || self.has(Flaw::SettleIgnoresBalance);
        let is_new = items.charges[mine.index()].is_none() || self.has(Flaw::ChargeOverwrites);
        require(is_mine && is_pending || bare, is_held && is_before || bare, is_new || bare)?;

        let after = if bare { profile.balance.unwrap_or_default() } else { before } - plan.coins;
        generation.status = Status::Succeeded;
        generation.remaining = Some(after);
        profile.balance = Some(after);
        profile.holds.delete(mine);
        items.charges[mine.index()] = Some(Entry { delta: -plan.coins, balance: after });
        Ok(())
    }

    /// **release** and **expire**: marks the generation as ended, if it is that attempt's and pending (and, to
    /// expire, its lease has passed); makes the price available again and deletes the hold, if it is there.
    fn give_back(
        &self,
        items: &mut Items,
        of: Attempt,
        ending: Status,
        has_passed: bool,
    ) -> Result<(), Refused> {
        let plan = self.scenario.plan(of);
        let Some(generation) = &mut items.generations[plan.key] else {
            return require(false, false, true);
        };
        let profile = &mut items.profile;
        let [ignores_status, keeps_hold] = match ending {
            Status::Expired => [self.has(Flaw::ExpireOverwrites), false],
            _ => [self.has(Flaw::ReleaseIgnoresStatus), self.has(Flaw::ReleaseKeepsHold)],
        };
        let is_current = generation.attempt == of || self.has(Flaw::NoFence);
        let is_pending = generation.status == Status::Pending || ignores_status;
        let is_held = profile.holds.has(of) || self.has(Flaw::GiveBackIgnoresHold);
        require(is_current && is_pending && has_passed, is_held, true)?;

        generation.status = ending;
        profile.available = Some(profile.available() + plan.coins);
        if !keeps_hold {
            profile.holds.delete(of);
        }
        Ok(())
    }

    /// **top up**: appends the payment, once; adds it to a balance that is still `before`, making the row if
    /// there is none.
    fn top_up(&self, items: &mut Items, number: u8, before: Option<Coins>) -> Result<(), Refused> {
        let Some(payment) = self.scenario.payment(number) else { unreachable!("a top-up without a payment") };
        let entry = &mut items.top_ups[payment.reference];
        let profile = &mut items.profile;
        let is_new = entry.is_none() || self.has(Flaw::TopUpRepeats);
        let is_before = profile.balance == before || self.has(Flaw::TopUpIgnoresBalance);
        require(true, is_before, is_new)?;

        let before = before.unwrap_or_default();
        let after = before + payment.coins;
        *entry = Some(Entry { delta: payment.coins, balance: after });
        profile.balance = Some(after);
        profile.available = Some(profile.available.unwrap_or(before) + payment.coins);
        Ok(())
    }
}
