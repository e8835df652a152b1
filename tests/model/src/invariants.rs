//! What must hold in every state, and of every step.

use std::fmt;

use crate::scenario::Plan;
use crate::state::{
    Answer, At, Attempt, Attempts, Coins, Entry, Generation, REQUESTS, State, Status, VISITOR, Who,
};
use crate::steps::Model;

/// A promise. Its text is its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "said once, in its text")]
pub enum Invariant {
    HoldsAreCovered,
    HoldsArePending,
    SuccessIsCharged,
    BalanceIsLedger,
    FalHasAHold,
    HoldsAreFew,
    LeaseIsRespected,
    KeyKeepsItsBody,
    AnswerIsTrueWhenGiven,
    AnswerStaysTrue,
    NothingIsStuck,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HoldsAreCovered => "0 ≤ available ≤ balance, and their difference is the sum of the holds",
            Self::HoldsArePending => {
                "a hold is there exactly while its generation is pending with its attempt"
            }
            Self::SuccessIsCharged => {
                "a generation has succeeded exactly if the ledger has its attempt's charge"
            }
            Self::BalanceIsLedger => {
                "what was paid in is the balance and the price of every success, and the ledger says so"
            }
            Self::FalHasAHold => "fal is asked with a hold in force, unless its lease has passed",
            Self::HoldsAreFew => "no more generations run at once than may",
            Self::LeaseIsRespected => "only an attempt whose lease has passed is expired",
            Self::KeyKeepsItsBody => "a key that was used for one body is never used for another",
            Self::AnswerIsTrueWhenGiven => "an answer is true when it is given",
            Self::AnswerStaysTrue => "an answer stays true: a success is paid once, a failure never",
            Self::NothingIsStuck => {
                "once the leases have passed, every coin can be spent and every key is answered"
            }
        })
    }
}

/// Fails with `invariant` unless `holds`.
fn require(holds: bool, invariant: Invariant) -> Result<(), Invariant> {
    if holds { Ok(()) } else { Err(invariant) }
}

impl Model {
    /// Checks all that must hold in `state`.
    pub fn check_state(&self, state: &State) -> Result<(), Invariant> {
        self.check_items(state)?;
        for (who, process) in state.processes() {
            let stays_true = process.answer().is_none_or(|answer| self.stays_true(state, who, answer));
            require(stays_true, Invariant::AnswerStaysTrue)?;
        }
        require(!self.is_anything_stuck(state), Invariant::NothingIsStuck)
    }

    fn check_items(&self, state: &State) -> Result<(), Invariant> {
        let items = &state.items;
        let price = |attempt| self.scenario.plan(attempt).coins;
        let held: Coins = items.profile.holds.iter().map(price).sum();
        let (balance, available) = (items.profile.balance.unwrap_or_default(), items.profile.available());
        require(0 <= available && available + held == balance, Invariant::HoldsAreCovered)?;
        require(items.profile.holds.len() <= self.scenario.most_holds, Invariant::HoldsAreFew)?;

        for attempt in Attempt::all() {
            let record = items.generations[self.scenario.plan(attempt).key];
            let record = record.filter(|record| record.attempt == attempt);
            let is = |status| record.is_some_and(|record| record.status == status);
            require(items.profile.holds.has(attempt) == is(Status::Pending), Invariant::HoldsArePending)?;
            let charge = items.charges[attempt.index()];
            require(charge.is_some() == is(Status::Succeeded), Invariant::SuccessIsCharged)?;
            let exact = charge.is_none_or(|charge| is_charge_of(record, charge, price(attempt)));
            require(exact, Invariant::SuccessIsCharged)?;
            require(!is(Status::Expired) || state.lapsed.has(attempt), Invariant::LeaseIsRespected)?;
        }

        let opening = self.scenario.opening.unwrap_or_default();
        let entries = items.charges.iter().chain(&items.top_ups).flatten();
        let total: Coins = entries.map(|entry| entry.delta).sum();
        require(balance == opening + total, Invariant::BalanceIsLedger)
    }

    /// What an answer says of ever after.
    fn stays_true(&self, state: &State, who: Who, answer: Answer) -> bool {
        let items = &state.items;
        let mine = match who {
            Who::Request(mine) => mine,
            Who::TopUp(number) => {
                let entry =
                    self.scenario.payment(number).and_then(|payment| items.top_ups[payment.reference]);
                return entry.is_some_and(|entry| answer == Answer::Credited(entry.balance));
            }
        };
        let Plan { key, body, .. } = self.scenario.plan(mine);
        let record = items.generations[key].filter(|record| record.body == body);
        let paid = record.filter(|record| record.status == Status::Succeeded);
        let is_charged = items.charges[mine.index()].is_some();
        match answer {
            Answer::Delivered(coins) => {
                is_charged && paid.is_some_and(|paid| paid.attempt == mine && paid.remaining == Some(coins))
            }
            Answer::Replayed(coins) => !is_charged && paid.is_some_and(|paid| paid.remaining == Some(coins)),
            Answer::OutcomeUnknown => true,
            _ => !is_charged,
        }
    }

    /// Checks all that must hold of the step from `before` to `after`.
    pub fn check_step(&self, before: &State, after: &State) -> Result<(), Invariant> {
        for (was, now) in before.items.generations.iter().zip(&after.items.generations) {
            let keeps = was.is_none_or(|was| now.is_some_and(|now| now.body == was.body));
            require(keeps, Invariant::KeyKeepsItsBody)?;
        }
        let was = before.requests.iter();
        for ((mine, now), was) in Attempt::all().zip(after.requests).zip(was) {
            if now.at == At::AskFal(None) && was.at == At::Hold {
                let in_force = after.items.profile.holds.has(mine) || after.lapsed.has(mine);
                require(in_force, Invariant::FalHasAHold)?;
            }
            let new_answer = now.answer().filter(|_| was.answer().is_none());
            let is_true = new_answer.is_none_or(|answer| self.is_true_now(after, mine, answer));
            require(is_true, Invariant::AnswerIsTrueWhenGiven)?;
        }
        Ok(())
    }

    /// What an answer says of the moment.
    fn is_true_now(&self, state: &State, mine: Attempt, answer: Answer) -> bool {
        let profile = &state.items.profile;
        let Plan { key, body, coins } = self.scenario.plan(mine);
        let record = state.items.generations[key];
        let was_delivered =
            record.is_some_and(|record| record.body == body && record.status == Status::Succeeded);
        let nothing_to_expire = profile.holds.and(state.lapsed).is_empty();
        match answer {
            Answer::InsufficientCoins => !was_delivered && nothing_to_expire && profile.available() < coins,
            Answer::TooManyGenerations => {
                !was_delivered && nothing_to_expire && profile.holds.len() >= self.scenario.most_holds
            }
            Answer::InProgress => record.is_some_and(|record| {
                let others = record.attempt != mine && record.body == body;
                others && record.status == Status::Pending && !state.lapsed.has(record.attempt)
            }),
            Answer::KeyReused => record.is_some_and(|record| record.body != body),
            Answer::LeaseLost => state.lapsed.has(mine),
            _ => true,
        }
    }

    /// Whether, with all leases past and everybody else standing still, a visitor cannot spend the whole balance
    /// on a request of its own, or is kept waiting under somebody's key.
    fn is_anything_stuck(&self, state: &State) -> bool {
        let balance = state.items.profile.balance.unwrap_or_default();
        let own = Plan { key: REQUESTS, body: 0, coins: balance };
        let all_spent = balance == 0 || self.visit(state, own) == At::AskFal(None);
        let repeats = self.scenario.plans[..REQUESTS].iter();
        let mut kept_waiting = repeats.filter(|plan| match self.visit(state, **plan) {
            At::AskFal(None) | At::Done(Answer::Replayed(_) | Answer::KeyReused) => false,
            At::Done(Answer::InsufficientCoins) => balance >= plan.coins,
            _ => true,
        });
        !all_spent || kept_waiting.next().is_some()
    }

    /// Where a visitor with this plan comes to, undisturbed, after the leases: past its hold, or to an answer.
    fn visit(&self, state: &State, plan: Plan) -> At {
        let mut scenario = self.scenario;
        scenario.plans[VISITOR.index()] = plan;
        let model = Self { scenario, ..*self };
        model.undisturbed(&mut { state.items }, Attempts::ALL, Who::Request(VISITOR), At::Hold)
    }
}

fn is_charge_of(record: Option<Generation>, charge: Entry, price: Coins) -> bool {
    charge.delta == -price && record.is_some_and(|record| record.remaining == Some(charge.balance))
}
