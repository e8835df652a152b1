//! The transitions: five transactions, and three updates of an asynchronous record alone. Each is atomic and
//! conditional, as in `common/src/ledger/expressions.rs`.

use crate::flaws::Flaw;
use crate::jobs::{Job, QUEUE_KEY, Queued, Task};
use crate::state::{Actor, Attempt, Attempts, Call, Coins, Entry, Generation, Items, Profile, State, Status};
use crate::steps::Model;

/// The conditions of a transaction that did not hold. The transaction wrote nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub generation: bool,
    pub profile: bool,
    pub entry: bool,
}

/// Refuses the transaction unless its conditions on generation, profile and entry all hold.
fn require(generation: bool, profile: bool, entry: bool) -> Result<(), Refused> {
    if generation && profile && entry {
        return Ok(());
    }
    Err(Refused { generation: !generation, profile: !profile, entry: !entry })
}

impl Model {
    /// Applies the call to the tables or refuses it.
    pub fn transact(&self, state: &mut State, actor: Actor, call: Call) -> Result<(), Refused> {
        let State { items, lapsed, .. } = state;
        match (call, actor) {
            (Call::Hold, Actor::Request(mine)) => self.hold(items, mine),
            (Call::Settle { before }, Actor::Request(mine)) => self.settle(items, mine, before, None),
            (Call::Release { billed }, Actor::Request(mine)) => {
                self.give_back(items, *lapsed, mine, Status::Failed, billed)
            }
            (Call::Expire { of }, _) => self.expire(items, *lapsed, of),
            (Call::Tickets { known }, Actor::Request(mine)) => self.tickets(items, mine, known),
            (Call::TopUp { before }, Actor::TopUp(number)) => self.top_up(items, number, before),
            _ => unreachable!("{actor} never sends {call:?}"),
        }
    }

    /// Applies the write of a worker's task to the tables or refuses it.
    pub fn perform(&self, state: &mut State, task: Task) -> Result<(), Refused> {
        let State { items, lapsed, .. } = state;
        match task {
            Task::Record { of, picture } => self.picture(items, of, picture),
            Task::Settle { of, pictures, before } => self.settle(items, of, before, Some(pictures)),
            Task::Release { of } => self.give_back(items, *lapsed, of, Status::Failed, true),
            Task::Expire { of } => self.expire(items, *lapsed, of),
            Task::Postpone { of, seen } => self.postpone(items, of, seen),
        }
    }

    /// **hold**: stores a new generation as pending, or replaces an older, ended attempt with
    /// the same body; takes the price from the available coins and adds the hold, if the limits allow it.
    fn hold(&self, items: &mut Items, mine: Attempt) -> Result<(), Refused> {
        let request = self.scenario.request(mine);
        let generation = &mut items.generations[request.key];
        let may_store = generation.is_none_or(|found| {
            let same = found.body == request.body || self.has(Flaw::HoldIgnoresBody);
            let ended = matches!(found.status, Status::Failed | Status::Expired);
            let older = found.attempt < mine || self.has(Flaw::HoldIgnoresAge);
            same && (ended && older || self.has(Flaw::HoldIgnoresStatus))
        });
        let profile = &mut items.profile;
        let available = profile.available.or(profile.balance);
        let can_pay =
            available.is_some_and(|coins| coins >= request.price) || self.has(Flaw::HoldIgnoresCoins);
        let has_room = profile.holds.len() < self.scenario.max_holds || self.has(Flaw::HoldIgnoresLimit);
        let in_budget = self.has(Flaw::HoldIgnoresFailures) || !self.is_budget_used_up(profile);
        require(may_store, can_pay && has_room && in_budget, true)?;

        let (body, status) = (request.body, Status::Pending);
        *generation = Some(Generation { attempt: mine, body, status, remaining: None });
        profile.available = Some(profile.available() - request.price);
        profile.holds.insert(mine);
        if request.key == QUEUE_KEY {
            let check_at = request.asynchronous && !self.has(Flaw::HoldNotIndexed);
            items.queued = Queued { check_at: check_at.then_some(false), ..Queued::default() };
        }
        Ok(())
    }

    /// **settle**: marks the attempt's own pending generation as succeeded; takes the price from a balance
    /// that is still `before` and deletes the attempt's hold, which must be there; appends the charge, once.
    /// An asynchronous settle brings both pictures, and takes the record out of the index.
    fn settle(
        &self,
        items: &mut Items,
        mine: Attempt,
        before: Coins,
        pictures: Option<[Job; 2]>,
    ) -> Result<(), Refused> {
        let request = self.scenario.request(mine);
        let Some(generation) = &mut items.generations[request.key] else {
            return require(false, false, true);
        };
        let profile = &mut items.profile;
        let unconditional = self.has(Flaw::DecrementWithoutHold);
        let is_mine = generation.attempt == mine || self.has(Flaw::NoFence);
        let is_pending = generation.status == Status::Pending || self.has(Flaw::SettleIgnoresStatus);
        let is_held = profile.holds.contains(mine) || self.has(Flaw::SettleIgnoresHold);
        let is_before = profile.balance == Some(before) || self.has(Flaw::SettleIgnoresBalance);
        let is_new = items.charges[mine.index()].is_none() || self.has(Flaw::ChargeOverwrites);
        if !unconditional {
            require(is_mine && is_pending, is_held && is_before, is_new)?;
        }

        let balance = if unconditional { profile.balance.unwrap_or_default() } else { before };
        let after = balance - request.price;
        generation.status = Status::Succeeded;
        generation.remaining = Some(after);
        profile.balance = Some(after);
        profile.holds.remove(mine);
        items.charges[mine.index()] = Some(Entry { delta: -request.price, balance: after });
        self.leave_queue(items, request.key);
        if let Some(pictures) = pictures {
            items.queued.pictures = pictures.map(Some);
        }
        Ok(())
    }

    /// Whether one more generation could fail beyond the budget of failures.
    pub fn is_budget_used_up(&self, profile: &Profile) -> bool {
        let running = if self.has(Flaw::HoldIgnoresRunning) { 0 } else { profile.holds.len() };
        self.scenario.budget.is_some_and(|budget| profile.failures.len() + running >= budget)
    }

    fn expire(&self, items: &mut Items, lapsed: Attempts, of: Attempt) -> Result<(), Refused> {
        // fal had the jobs of an asynchronous attempt for its whole lease.
        let billed = self.scenario.request(of).asynchronous;
        self.give_back(items, lapsed, of, Status::Expired, billed)
    }

    /// **release** and **expire**: mark the attempt's pending generation as ended (to expire it, its lease
    /// must have ended); make the price available again and delete the attempt's hold, which must be there; and
    /// count the failure if fal may bill it.
    fn give_back(
        &self,
        items: &mut Items,
        lapsed: Attempts,
        of: Attempt,
        end: Status,
        billed: bool,
    ) -> Result<(), Refused> {
        let may_end = end == Status::Failed || lapsed.contains(of) || self.has(Flaw::ExpireIgnoresLease);
        let request = self.scenario.request(of);
        let Some(generation) = &mut items.generations[request.key] else {
            return require(false, false, true);
        };
        let profile = &mut items.profile;
        let ignores_status = match end {
            Status::Expired => self.has(Flaw::ExpireOverwrites),
            _ => self.has(Flaw::ReleaseIgnoresStatus),
        };
        let is_current = generation.attempt == of || self.has(Flaw::NoFence);
        let is_pending = generation.status == Status::Pending || ignores_status;
        let is_held = profile.holds.contains(of) || self.has(Flaw::GiveBackIgnoresHold);
        require(is_current && is_pending && may_end, is_held, true)?;

        generation.status = end;
        let counts = billed && !self.has(Flaw::FailureNotCounted) || self.has(Flaw::OurFailureCounted);
        if self.scenario.budget.is_some() && counts {
            profile.failures.insert(of);
        }
        profile.available = Some(profile.available() + request.price);
        if end == Status::Expired || !self.has(Flaw::ReleaseKeepsHold) {
            profile.holds.remove(of);
        }
        self.leave_queue(items, request.key);
        Ok(())
    }

    /// Every end removes `check_at` and the jobs.
    fn leave_queue(&self, items: &mut Items, key: usize) {
        if key == QUEUE_KEY {
            let check_at = items.queued.check_at.filter(|_| self.has(Flaw::EndStaysIndexed));
            items.queued = Queued { check_at, ..Queued::default() };
        }
    }

    /// **record tickets**: adds what fal is known to have accepted to the attempt's own pending generation.
    fn tickets(&self, items: &mut Items, mine: Attempt, known: [bool; 2]) -> Result<(), Refused> {
        let ignores = [Flaw::TicketsIgnoreAttempt, Flaw::TicketsIgnoreStatus];
        require(self.is_running(items, mine, ignores), true, true)?;
        for job in Job::both(mine).into_iter().filter(|job| known[job.slot.index()]) {
            items.queued.tickets[job.slot.index()] = Some(job);
        }
        Ok(())
    }

    /// **record a picture**: adds it, with its ticket, to the attempt's own pending generation, which must
    /// have no picture yet. So the second picture is never recorded by itself: it comes with the settle.
    fn picture(&self, items: &mut Items, of: Attempt, picture: Job) -> Result<(), Refused> {
        let ignores = [Flaw::PictureIgnoresAttempt, Flaw::PictureIgnoresStatus];
        let is_first = items.queued.pictures == [None; 2] || self.has(Flaw::PictureIgnoresPictures);
        require(self.is_running(items, of, ignores) && is_first, true, true)?;
        items.queued.tickets[picture.slot.index()] = Some(picture);
        items.queued.pictures[picture.slot.index()] = Some(picture);
        Ok(())
    }

    /// **postpone**: moves the time at which the attempt's own pending generation is looked at, once from
    /// each value.
    fn postpone(&self, items: &mut Items, of: Attempt, seen: bool) -> Result<(), Refused> {
        let ignores = [Flaw::PostponeIgnoresAttempt, Flaw::PostponeIgnoresStatus];
        let is_seen = items.queued.check_at == Some(seen) || self.has(Flaw::PostponeIgnoresTime);
        require(self.is_running(items, of, ignores) && is_seen, true, true)?;
        items.queued.check_at = Some(!seen);
        Ok(())
    }

    /// Whether the generation under the queue's key is this attempt's and pending, as far as no flaw ignores
    /// it.
    fn is_running(&self, items: &Items, of: Attempt, [ignores_attempt, ignores_status]: [Flaw; 2]) -> bool {
        items.generations[QUEUE_KEY].is_some_and(|found| {
            (found.attempt == of || self.has(ignores_attempt))
                && (found.status == Status::Pending || self.has(ignores_status))
        })
    }

    /// **top-up**: appends the payment, once; adds its coins to a balance that is still `before`, or creates
    /// the row.
    fn top_up(&self, items: &mut Items, number: u8, before: Option<Coins>) -> Result<(), Refused> {
        let payment = self.scenario.payment(number);
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
