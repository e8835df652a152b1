//! The promises: what must hold in every state and of every step.

use crate::scenario::Request;
use crate::state::{
    Actor, Attempt, Attempts, Coins, Items, REQUESTS, Response, Stage, State, Status, VISITOR,
};
use crate::steps::Model;

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum Invariant {
    #[strum(to_string = "0 ≤ available ≤ balance, and the difference is the sum of the holds")]
    HoldsAreCovered,
    #[strum(to_string = "a hold exists exactly while its generation is pending with the hold's attempt")]
    HoldsArePending,
    #[strum(to_string = "a generation has succeeded exactly if the ledger has its attempt's charge")]
    SuccessIsCharged,
    #[strum(to_string = "the balance is the opening balance plus the sum of the ledger")]
    BalanceIsLedger,
    #[strum(to_string = "fal is called only with a hold, unless its lease has ended")]
    FalNeedsAHold,
    #[strum(to_string = "no more generations run at once than the limit allows")]
    HoldsAreLimited,
    #[strum(to_string = "only attempts whose lease has ended are expired")]
    LeaseIsRespected,
    #[strum(to_string = "a key that was used for one body is never used for another")]
    KeyKeepsItsBody,
    #[strum(to_string = "a response is true when it is sent")]
    ResponseIsTrue,
    #[strum(to_string = "a response stays true: a delivered batch is charged once, a failed one never")]
    ResponseStaysTrue,
    #[strum(to_string = "when the leases have ended, every coin can be spent and no key stays in progress")]
    NothingIsStuck,
}

fn require(holds: bool, invariant: Invariant) -> Result<(), Invariant> {
    if holds { Ok(()) } else { Err(invariant) }
}

impl Model {
    pub fn check_state(&self, state: &State) -> Result<(), Invariant> {
        self.check_items(&state.items, state.lapsed)?;
        for (actor, process) in state.processes() {
            let stays_true =
                process.response().is_none_or(|response| self.stays_true(&state.items, actor, response));
            require(stays_true, Invariant::ResponseStaysTrue)?;
        }
        require(!self.is_anything_stuck(state), Invariant::NothingIsStuck)
    }

    fn check_items(&self, items: &Items, lapsed: Attempts) -> Result<(), Invariant> {
        let (profile, scenario) = (&items.profile, &self.scenario);
        let (balance, available) = (profile.balance.unwrap_or_default(), profile.available());
        let held: Coins = profile.holds.iter().map(|attempt| scenario.request(attempt).price).sum();
        require(0 <= available && available + held == balance, Invariant::HoldsAreCovered)?;
        require(profile.holds.len() <= scenario.max_holds, Invariant::HoldsAreLimited)?;

        for attempt in Attempt::all() {
            let Request { key, price, .. } = scenario.request(attempt);
            let record = items.generations[key].filter(|record| record.attempt == attempt);
            let is = |status| record.is_some_and(|record| record.status == status);
            require(profile.holds.contains(attempt) == is(Status::Pending), Invariant::HoldsArePending)?;
            let charge = items.charges[attempt.index()];
            require(charge.is_some() == is(Status::Succeeded), Invariant::SuccessIsCharged)?;
            if let (Some(charge), Some(record)) = (charge, record) {
                let is_exact = charge.delta == -price && record.remaining == Some(charge.balance);
                require(is_exact, Invariant::SuccessIsCharged)?;
            }
            require(!is(Status::Expired) || lapsed.contains(attempt), Invariant::LeaseIsRespected)?;
        }

        let total: Coins = items.ledger().map(|entry| entry.delta).sum();
        let opening_balance = scenario.opening_balance.unwrap_or_default();
        require(balance == opening_balance + total, Invariant::BalanceIsLedger)
    }

    /// Whether the lasting part of the response is true.
    fn stays_true(&self, items: &Items, actor: Actor, response: Response) -> bool {
        let mine = match actor {
            Actor::Request(mine) => mine,
            Actor::TopUp(number) => {
                let entry = items.top_ups[self.scenario.payment(number).reference];
                return entry.is_some_and(|entry| response == Response::Credited(entry.balance));
            }
        };
        let Request { key, body, .. } = self.scenario.request(mine);
        let record = items.generations[key].filter(|record| record.body == body);
        let paid = record.filter(|record| record.status == Status::Succeeded);
        let is_charged = items.charges[mine.index()].is_some();
        match response {
            Response::Delivered(coins) => {
                is_charged && paid.is_some_and(|paid| paid.attempt == mine && paid.remaining == Some(coins))
            }
            Response::Replayed(coins) => {
                !is_charged && paid.is_some_and(|paid| paid.remaining == Some(coins))
            }
            Response::OutcomeUnknown => true,
            _ => !is_charged,
        }
    }

    /// Checks the step from `before` to `after`.
    pub fn check_step(&self, before: &State, after: &State) -> Result<(), Invariant> {
        for (was, now) in before.items.generations.iter().zip(&after.items.generations) {
            let keeps = was.is_none_or(|was| now.is_some_and(|now| now.body == was.body));
            require(keeps, Invariant::KeyKeepsItsBody)?;
        }
        for ((mine, now), was) in Attempt::all().zip(after.requests).zip(before.requests) {
            if was.stage == Stage::Hold && now.stage == Stage::AskFal(None) {
                let has_hold = after.items.profile.holds.contains(mine) || after.lapsed.contains(mine);
                require(has_hold, Invariant::FalNeedsAHold)?;
            }
            let response = now.response().filter(|_| was.response().is_none());
            let is_true = response.is_none_or(|response| self.is_true_now(after, mine, response));
            require(is_true, Invariant::ResponseIsTrue)?;
        }
        Ok(())
    }

    /// Whether the part of the response that is about this moment is true.
    fn is_true_now(&self, state: &State, mine: Attempt, response: Response) -> bool {
        let profile = &state.items.profile;
        let Request { key, body, price } = self.scenario.request(mine);
        let record = state.items.generations[key];
        let same = record.filter(|record| record.body == body);
        let is_delivered = same.is_some_and(|record| record.status == Status::Succeeded);
        let has_no_way = !is_delivered && profile.holds.intersection(state.lapsed).is_empty();
        match response {
            Response::InsufficientCoins => has_no_way && profile.available() < price,
            Response::TooManyGenerations => has_no_way && profile.holds.len() >= self.scenario.max_holds,
            Response::InProgress => same.is_some_and(|record| {
                let is_running = record.status == Status::Pending && !state.lapsed.contains(record.attempt);
                is_running && record.attempt != mine
            }),
            Response::KeyReused => record.is_some_and(|record| record.body != body),
            Response::LeaseLost => state.lapsed.contains(mine),
            _ => true,
        }
    }

    /// Whether a visitor finds coins that it cannot spend, or a key that stays in progress, after all leases
    /// have ended and while every other process stands still.
    fn is_anything_stuck(&self, state: &State) -> bool {
        let balance = state.items.profile.balance.unwrap_or_default();
        let own = Request { key: REQUESTS, body: 0, price: balance };
        let can_spend_all = balance == 0 || self.visit(state, own) == Stage::AskFal(None);
        let gets_through = |request: &Request| match self.visit(state, *request) {
            Stage::AskFal(None) | Stage::Done(Response::Replayed(_) | Response::KeyReused) => true,
            Stage::Done(Response::InsufficientCoins) => balance < request.price,
            _ => false,
        };
        !can_spend_all || !self.scenario.requests[..REQUESTS].iter().all(gets_through)
    }

    /// The stage that a visitor with this request reaches alone, after all leases have ended.
    fn visit(&self, state: &State, request: Request) -> Stage {
        let (mut model, mut state) = (*self, *state);
        model.scenario.requests[VISITOR.index()] = request;
        state.lapsed = Attempts::ALL;
        model.run_alone(&mut state, Actor::Request(VISITOR), Stage::Hold)
    }
}
