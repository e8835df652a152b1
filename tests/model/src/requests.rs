//! What a process does next, knowing how its call went: `functions/generate-image/src/generate.rs` and
//! `common/src/coins/ledger.rs`, without the waiting.

use crate::flaws::Flaw;
use crate::state::{Answer, At, Attempt, Attempts, Call, Coins, Generation, Items, Reason, Status, Who};
use crate::steps::Model;
use crate::transitions::Refused;

/// How a call went, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It was applied.
    Applied,
    /// It was refused, and the tables were as they are.
    Refused(Refused),
    /// Nobody decided in time. It may have been applied all the same.
    Undecided {
        /// Whether a copy was sent of which nothing was heard.
        may_have_applied: bool,
    },
}

impl Model {
    /// Where a process goes from `at`, whose call had this reply.
    pub fn next(&self, items: &Items, lapsed: Attempts, who: Who, at: At, reply: Reply) -> At {
        match (who, at) {
            (Who::Request(mine), At::Hold) => self.after_hold(items, lapsed, mine, reply),
            (_, At::Expire(queue)) => self.after_expire(queue, reply),
            (Who::Request(mine), At::Settle(before)) => self.after_settle(items, mine, before, reply),
            (Who::Request(mine), At::Release(reason)) => self.after_release(items, mine, reason, reply),
            (Who::TopUp(number), At::TopUp(before)) => self.after_top_up(items, number, before, reply),
            _ => unreachable!("{who} has no call at {at:?}"),
        }
    }

    fn after_hold(&self, items: &Items, lapsed: Attempts, mine: Attempt, reply: Reply) -> At {
        match reply {
            Reply::Applied => At::AskFal(None),
            Reply::Refused(refused) if refused.generation && !self.reads_balance_first(refused) => {
                let found = items.generations[self.scenario.plan(mine).key];
                found.map_or(At::Hold, |found| self.explain_by_generation(found, lapsed, mine))
            }
            Reply::Refused(_) => self.explain_by_profile(items, lapsed),
            Reply::Undecided { .. } if self.has(Flaw::HoldUndecidedGoesOn) => At::AskFal(None),
            Reply::Undecided { may_have_applied: true } => At::Release(Reason::LostHold),
            Reply::Undecided { may_have_applied: false } => At::Done(Answer::TryAgain),
        }
    }

    fn reads_balance_first(&self, refused: Refused) -> bool {
        refused.profile && self.has(Flaw::BalanceFirst)
    }

    fn explain_by_generation(&self, found: Generation, lapsed: Attempts, mine: Attempt) -> At {
        let is_mine = found.attempt == mine && !self.has(Flaw::OwnHoldNotRecognised);
        match found.status {
            _ if found.body != self.scenario.plan(mine).body => At::Done(Answer::KeyReused),
            Status::Pending if is_mine => At::AskFal(None),
            Status::Succeeded => At::Done(Answer::Replayed(found.remaining.unwrap_or_default())),
            Status::Pending if self.may_expire(lapsed).has(found.attempt) => {
                let mut queue = Attempts::default();
                queue.add(found.attempt);
                At::Expire(queue)
            }
            Status::Pending => At::Done(Answer::InProgress),
            Status::Failed | Status::Expired => At::Hold,
        }
    }

    fn explain_by_profile(&self, items: &Items, lapsed: Attempts) -> At {
        let expired = items.profile.holds.and(self.may_expire(lapsed));
        if !expired.is_empty() {
            At::Expire(expired)
        } else if items.profile.holds.len() >= self.scenario.most_holds {
            At::Done(Answer::TooManyGenerations)
        } else {
            At::Done(Answer::InsufficientCoins)
        }
    }

    /// Whose lease a request takes for passed.
    fn may_expire(&self, lapsed: Attempts) -> Attempts {
        match () {
            () if self.has(Flaw::SenderIgnoresLease) => Attempts::ALL,
            () if self.has(Flaw::NobodyExpires) => Attempts::default(),
            () => lapsed,
        }
    }

    /// That somebody else was faster is fine.
    fn after_expire(&self, mut queue: Attempts, reply: Reply) -> At {
        if matches!(reply, Reply::Undecided { .. }) {
            return At::Done(Answer::TryAgain);
        }
        if let Some(of) = queue.iter().next() {
            queue.delete(of);
        }
        if queue.is_empty() { At::Hold } else { At::Expire(queue) }
    }

    /// fal has delivered, and the balance is as `seen`, if it was read by then.
    pub fn after_fal(&self, mine: Attempt, seen: Option<Coins>) -> At {
        let price = self.scenario.plan(mine).coins;
        self.settle_out_of(mine, seen.unwrap_or(price))
    }

    /// A balance below its holds is what never should be. It is not settled out of.
    fn settle_out_of(&self, mine: Attempt, balance: Coins) -> At {
        if balance >= self.scenario.plan(mine).coins { At::Settle(balance) } else { self.undecided() }
    }

    fn undecided(&self) -> At {
        if self.has(Flaw::UndecidedMeansFailed) {
            return At::Done(Answer::TryAgain);
        }
        At::Release(Reason::LostSettle)
    }

    fn after_settle(&self, items: &Items, mine: Attempt, before: Coins, reply: Reply) -> At {
        let after = before - self.scenario.plan(mine).coins;
        match reply {
            Reply::Applied => At::Done(Answer::Delivered(after)),
            Reply::Refused(refused) if refused.generation => match self.paid(items, mine) {
                Some(remaining) => At::Done(Answer::Delivered(remaining)),
                None if self.has(Flaw::RefusedMeansSettled) => At::Done(Answer::Delivered(after)),
                None => At::Done(Answer::LeaseLost),
            },
            Reply::Refused(refused) if refused.profile && items.profile.holds.has(mine) => {
                let moved = items.profile.balance;
                moved.map_or(self.undecided(), |balance| self.settle_out_of(mine, balance))
            }
            Reply::Refused(_) | Reply::Undecided { .. } => self.undecided(),
        }
    }

    /// What remained when this attempt was paid, if its record says that it was.
    fn paid(&self, items: &Items, mine: Attempt) -> Option<Coins> {
        let found = items.generations[self.scenario.plan(mine).key]?;
        found.remaining.filter(|_| found.attempt == mine && found.status == Status::Succeeded)
    }

    fn after_release(&self, items: &Items, mine: Attempt, reason: Reason, reply: Reply) -> At {
        let paid = self.paid(items, mine).filter(|_| !self.has(Flaw::ReleaseNotRead));
        At::Done(match (reason, reply, paid) {
            (Reason::Failure, _, _) => Answer::Failed,
            (Reason::LostHold, _, _) | (Reason::LostSettle, Reply::Applied, _) => Answer::TryAgain,
            (Reason::LostSettle, Reply::Refused(_), Some(remaining)) => Answer::Delivered(remaining),
            (Reason::LostSettle, Reply::Refused(_), None) => Answer::TryAgain,
            (Reason::LostSettle, Reply::Undecided { .. }, _) => Answer::OutcomeUnknown,
        })
    }

    /// A payment without a decision is invoked again with the same reference.
    fn after_top_up(&self, items: &Items, number: u8, before: Option<Coins>, reply: Reply) -> At {
        let Some(payment) = self.scenario.payment(number) else { unreachable!("a top-up without a payment") };
        match (reply, items.top_ups[payment.reference]) {
            (Reply::Applied, _) => At::Done(Answer::Credited(before.unwrap_or_default() + payment.coins)),
            (Reply::Refused(refused), Some(earlier)) if refused.entry => {
                At::Done(Answer::Credited(earlier.balance))
            }
            (Reply::Refused(_) | Reply::Undecided { .. }, _) => At::ReadBalance,
        }
    }

    /// Out of time, a request answers without knowing more; whatever it sent may still arrive.
    pub fn out_of_time(at: At) -> Option<At> {
        match at {
            At::Settle(_) | At::Release(Reason::LostSettle) => Some(At::Done(Answer::OutcomeUnknown)),
            _ => None,
        }
    }

    /// The transaction that a process sends at `at`.
    pub fn call(at: At) -> Option<Call> {
        match at {
            At::Hold => Some(Call::Hold),
            At::Expire(queue) => queue.iter().next().map(|of| Call::Expire { of }),
            At::Settle(before) => Some(Call::Settle { before }),
            At::Release(_) => Some(Call::Release),
            At::TopUp(before) => Some(Call::TopUp { before }),
            At::AskFal(_) | At::ReadBalance | At::Done(_) | At::Absent => None,
        }
    }
}
