//! What a process does after the reply to its call: `functions/generate-image/src/generate.rs` and
//! `common/src/ledger/`, without the waiting.

use crate::flaws::Flaw;
use crate::jobs::Submission;
use crate::state::{
    Actor, Attempt, Attempts, Call, Coins, Generation, Items, Reason, Response, Stage, State, Status,
};
use crate::steps::Model;
use crate::transitions::Refused;

/// The outcome of a call, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Applied,
    /// Refused. The refusal shows the items as they are.
    Refused(Refused),
    /// No decision came in time.
    Undecided {
        /// A copy was sent and nothing was heard of it.
        may_have_applied: bool,
    },
}

impl Stage {
    /// The transaction that a process sends at this stage.
    pub fn call(self) -> Option<Call> {
        match self {
            Self::Hold => Some(Call::Hold),
            Self::Expire(queue) => queue.iter().next().map(|of| Call::Expire { of }),
            Self::Settle(before) => Some(Call::Settle { before }),
            Self::Release(reason) => Some(Call::Release { billed: reason == Reason::Failure }),
            Self::Tickets(known) => Some(Call::Tickets { known }),
            Self::TopUp(before) => Some(Call::TopUp { before }),
            Self::AskFal(_)
            | Self::Submit(_)
            | Self::Wait
            | Self::ReadBalance
            | Self::Done(_)
            | Self::Absent => None,
        }
    }

    /// The response of a request that runs out of time at this stage. Its calls may still arrive.
    pub fn timed_out(self) -> Option<Self> {
        match self {
            Self::Settle(_) | Self::Release(Reason::LostSettle) => Some(Self::Done(Response::OutcomeUnknown)),
            _ => None,
        }
    }
}

impl Model {
    /// The stage that follows `stage`, whose call had this reply.
    pub fn next_stage(&self, state: &State, actor: Actor, stage: Stage, reply: Reply) -> Stage {
        let items = &state.items;
        match (actor, stage) {
            (Actor::Request(mine), Stage::Hold) => self.after_hold(state, mine, reply),
            (_, Stage::Expire(queue)) => after_expire(queue, reply),
            (Actor::Request(mine), Stage::Settle(before)) => self.after_settle(items, mine, before, reply),
            (Actor::Request(mine), Stage::Release(reason)) => self.after_release(items, mine, reason, reply),
            // Whatever became of the tickets, the record tells the rest.
            (Actor::Request(_), Stage::Tickets(_)) => Stage::Wait,
            (Actor::TopUp(number), Stage::TopUp(before)) => self.after_top_up(items, number, before, reply),
            _ => unreachable!("{actor} sends no call at {stage:?}"),
        }
    }

    fn after_hold(&self, state: &State, mine: Attempt, reply: Reply) -> Stage {
        match reply {
            Reply::Applied => self.after_held(mine),
            Reply::Refused(refused) if refused.profile && self.has(Flaw::BalanceFirst) => {
                self.explain_by_profile(state, mine)
            }
            Reply::Refused(refused) if refused.generation => {
                let found = state.items.generations[self.scenario.request(mine).key];
                found.map_or(Stage::Hold, |found| self.explain_by_generation(found, state.lapsed, mine))
            }
            Reply::Refused(_) => self.explain_by_profile(state, mine),
            Reply::Undecided { .. } if self.has(Flaw::HoldUndecidedGoesOn) => self.after_held(mine),
            Reply::Undecided { may_have_applied: true } => Stage::Release(Reason::LostHold),
            Reply::Undecided { may_have_applied: false } => Stage::Done(Response::TryAgain),
        }
    }

    /// The stage of a request that has its hold.
    pub fn after_held(&self, mine: Attempt) -> Stage {
        if self.scenario.request(mine).asynchronous {
            Stage::Submit([Submission::Unsent; 2])
        } else {
            Stage::AskFal(None)
        }
    }

    /// The stage after one of the submissions. The first refusal releases the hold.
    pub fn after_submission(&self, submissions: [Submission; 2]) -> Stage {
        let known = submissions.map(|submission| submission == Submission::Accepted);
        if submissions.contains(&Submission::Refused) {
            Stage::Release(Reason::Failure)
        } else if submissions.contains(&Submission::Unsent) {
            Stage::Submit(submissions)
        } else if known == [false; 2] {
            Stage::Wait
        } else {
            Stage::Tickets(known)
        }
    }

    /// The response of a waiting request that has looked at the record. A pending batch may still be charged, even
    /// after its lease.
    pub fn after_look(&self, state: &State, mine: Attempt) -> Response {
        let Some(found) = state.items.generations[self.scenario.request(mine).key] else {
            return Response::TryAgain;
        };
        match found.status {
            Status::Succeeded if found.attempt == mine => {
                Response::Delivered(found.remaining.unwrap_or_default())
            }
            Status::Succeeded => Response::Replayed(found.remaining.unwrap_or_default()),
            Status::Failed | Status::Expired => Response::Failed,
            Status::Pending if state.lapsed.contains(found.attempt) && self.has(Flaw::LapsedMeansExpired) => {
                Response::Failed
            }
            Status::Pending => Response::Accepted,
        }
    }

    fn explain_by_generation(&self, found: Generation, lapsed: Attempts, mine: Attempt) -> Stage {
        let is_mine = found.attempt == mine && !self.has(Flaw::OwnHoldNotRecognised);
        match found.status {
            _ if found.body != self.scenario.request(mine).body => Stage::Done(Response::KeyReused),
            Status::Pending if is_mine => self.after_held(mine),
            Status::Succeeded => Stage::Done(Response::Replayed(found.remaining.unwrap_or_default())),
            Status::Pending if self.may_expire(lapsed).contains(found.attempt) => {
                Stage::Expire(Attempts::only(found.attempt))
            }
            Status::Pending => Stage::Done(Response::InProgress),
            Status::Failed | Status::Expired => Stage::Hold,
        }
    }

    fn explain_by_profile(&self, state: &State, mine: Attempt) -> Stage {
        let profile = &state.items.profile;
        let (holds, can_pay) = (profile.holds, profile.available() >= self.scenario.request(mine).price);
        let expired = holds.intersection(self.may_expire(state.lapsed));
        if !expired.is_empty() {
            Stage::Expire(expired)
        } else if holds.len() >= self.scenario.max_holds {
            Stage::Done(Response::TooManyGenerations)
        } else if can_pay && self.is_budget_used_up(profile) {
            Stage::Done(Response::TooManyFailures)
        } else {
            Stage::Done(Response::InsufficientCoins)
        }
    }

    /// The attempts that a request believes to be lapsed.
    pub fn may_expire(&self, lapsed: Attempts) -> Attempts {
        if self.has(Flaw::SenderIgnoresLease) {
            Attempts::ALL
        } else if self.has(Flaw::NobodyExpires) {
            Attempts::default()
        } else {
            lapsed
        }
    }

    /// The stage after fal delivered. `seen` is the balance, if the request has read it by now.
    pub fn after_fal(&self, mine: Attempt, seen: Option<Coins>) -> Stage {
        self.settle_from(mine, seen.unwrap_or(self.scenario.request(mine).price))
    }

    /// A balance below the price of a hold must never occur. No request settles from one.
    fn settle_from(&self, mine: Attempt, balance: Coins) -> Stage {
        if balance >= self.scenario.request(mine).price {
            Stage::Settle(balance)
        } else {
            self.after_undecided_settle()
        }
    }

    fn after_undecided_settle(&self) -> Stage {
        if self.has(Flaw::UndecidedMeansFailed) {
            return Stage::Done(Response::TryAgain);
        }
        Stage::Release(Reason::LostSettle)
    }

    fn after_settle(&self, items: &Items, mine: Attempt, before: Coins, reply: Reply) -> Stage {
        let after = before - self.scenario.request(mine).price;
        match (reply, items.profile.balance) {
            (Reply::Applied, _) => Stage::Done(Response::Delivered(after)),
            (Reply::Refused(refused), _) if refused.generation => match self.paid(items, mine) {
                Some(remaining) => Stage::Done(Response::Delivered(remaining)),
                None if self.has(Flaw::RefusedMeansSettled) => Stage::Done(Response::Delivered(after)),
                None => Stage::Done(Response::LeaseLost),
            },
            (Reply::Refused(refused), Some(changed))
                if refused.profile && items.profile.holds.contains(mine) =>
            {
                self.settle_from(mine, changed)
            }
            (Reply::Refused(_) | Reply::Undecided { .. }, _) => self.after_undecided_settle(),
        }
    }

    /// The coins that remained after this attempt was charged, if its record says that it was.
    fn paid(&self, items: &Items, mine: Attempt) -> Option<Coins> {
        let found = items.generations[self.scenario.request(mine).key]?;
        found.remaining.filter(|_| found.attempt == mine && found.status == Status::Succeeded)
    }

    fn after_release(&self, items: &Items, mine: Attempt, reason: Reason, reply: Reply) -> Stage {
        let paid = self.paid(items, mine).filter(|_| !self.has(Flaw::ReleaseNotRead));
        Stage::Done(match (reason, reply, paid) {
            (Reason::Failure | Reason::NotSent, _, _) => Response::Failed,
            (Reason::LostHold, _, _) | (Reason::LostSettle, Reply::Applied, _) => Response::TryAgain,
            (Reason::LostSettle, Reply::Refused(_), Some(remaining)) => Response::Delivered(remaining),
            (Reason::LostSettle, Reply::Refused(_), None) => Response::TryAgain,
            (Reason::LostSettle, Reply::Undecided { .. }, _) => Response::OutcomeUnknown,
        })
    }

    /// A top-up without a decision is invoked again with the same reference.
    fn after_top_up(&self, items: &Items, number: u8, before: Option<Coins>, reply: Reply) -> Stage {
        let payment = self.scenario.payment(number);
        match (reply, items.top_ups[payment.reference]) {
            (Reply::Applied, _) => {
                Stage::Done(Response::Credited(before.unwrap_or_default() + payment.coins))
            }
            (Reply::Refused(refused), Some(earlier)) if refused.entry => {
                Stage::Done(Response::Credited(earlier.balance))
            }
            (Reply::Refused(_) | Reply::Undecided { .. }, _) => Stage::ReadBalance,
        }
    }
}

/// Another request may have expired the attempt first. The result is the same.
fn after_expire(mut queue: Attempts, reply: Reply) -> Stage {
    if matches!(reply, Reply::Undecided { .. }) {
        return Stage::Done(Response::TryAgain);
    }
    if let Some(of) = queue.iter().next() {
        queue.remove(of);
    }
    if queue.is_empty() { Stage::Hold } else { Stage::Expire(queue) }
}
