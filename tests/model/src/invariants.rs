//! The promises: what must hold in every state and of every step.

use crate::jobs::{AtFal, Job, QUEUE_KEY, Queued, Task};
use crate::scenario::Request;
use crate::state::{
    Actor, Attempt, Attempts, Coins, Items, REQUESTS, Reason, Response, Stage, State, Status, VISITOR,
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
    #[strum(to_string = "no more failures that fal may bill are counted or possible than the budget allows")]
    FailuresAreLimited,
    #[strum(to_string = "exactly the failures that fal may bill are counted")]
    FailureIsCounted,
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
    #[strum(to_string = "an ended attempt stays as it ended")]
    EndIsFinal,
    #[strum(to_string = "tickets and pictures are of the attempt's own jobs, and a charge has both pictures")]
    JobsAreOwn,
    #[strum(to_string = "both pictures are recorded only together with the charge")]
    SecondPictureSettles,
    #[strum(to_string = "the index has exactly the asynchronous generations that are pending")]
    IndexIsPending,
    #[strum(to_string = "no job is sent to fal twice")]
    JobIsSentOnce,
    #[strum(to_string = "an asynchronous batch fails only if a job has failed or none was sent")]
    FailureHasAReason,
    #[strum(
        to_string = "an asynchronous batch ends by its lease, its webhooks or its pulls: one way is enough"
    )]
    BatchEnds,
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
        require(!self.is_anything_stuck(state), Invariant::NothingIsStuck)?;
        let sent_twice = state.fal.as_flattened().contains(&AtFal::SentTwice);
        require(!sent_twice, Invariant::JobIsSentOnce)?;
        require(!self.is_a_batch_stuck(state), Invariant::BatchEnds)
    }

    /// Checks the asynchronous part of the record under the queue's key.
    fn check_queued(&self, items: &Items) -> Result<(), Invariant> {
        let Queued { check_at, tickets, pictures } = items.queued;
        let running = self.running(items);
        require(check_at.is_some() == running.is_some(), Invariant::IndexIsPending)?;
        let Some(record) = items.generations[QUEUE_KEY] else { return Ok(()) };
        let is_asynchronous = self.scenario.request(record.attempt).asynchronous;
        for own in Job::both(record.attempt) {
            let found = [tickets[own.slot.index()], pictures[own.slot.index()]];
            let is_own = found.into_iter().flatten().all(|job| job == own && is_asynchronous);
            require(is_own, Invariant::JobsAreOwn)?;
        }
        let has_both = pictures.iter().all(Option::is_some);
        match record.status {
            Status::Pending => require(!has_both, Invariant::SecondPictureSettles),
            Status::Succeeded => require(has_both == is_asynchronous, Invariant::JobsAreOwn),
            Status::Failed | Status::Expired => Ok(()),
        }
    }

    fn check_items(&self, items: &Items, lapsed: Attempts) -> Result<(), Invariant> {
        let (profile, scenario) = (&items.profile, &self.scenario);
        let (balance, available) = (profile.balance.unwrap_or_default(), profile.available());
        let held: Coins = profile.holds.iter().map(|attempt| scenario.request(attempt).price).sum();
        require(0 <= available && available + held == balance, Invariant::HoldsAreCovered)?;
        require(profile.holds.len() <= scenario.max_holds, Invariant::HoldsAreLimited)?;
        let possible = profile.failures.len() + profile.holds.len();
        require(scenario.budget.is_none_or(|budget| possible <= budget), Invariant::FailuresAreLimited)?;

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

        self.check_queued(items)?;
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
            Response::OutcomeUnknown | Response::Accepted => true,
            _ => !is_charged,
        }
    }

    /// Checks the step from `before` to `after`.
    pub fn check_step(&self, before: &State, after: &State) -> Result<(), Invariant> {
        for (was, now) in before.items.generations.iter().zip(&after.items.generations) {
            let keeps = was.is_none_or(|was| now.is_some_and(|now| now.body == was.body));
            require(keeps, Invariant::KeyKeepsItsBody)?;
        }
        self.check_ends(before, after)?;
        self.check_failures(before, after)?;
        for ((mine, now), was) in Attempt::all().zip(after.requests).zip(before.requests) {
            if was.stage == Stage::Hold && now.stage == self.after_held(mine) {
                let has_hold = after.items.profile.holds.contains(mine) || after.lapsed.contains(mine);
                require(has_hold, Invariant::FalNeedsAHold)?;
            }
            let response = now.response().filter(|_| was.response().is_none());
            let is_true = response.is_none_or(|response| self.is_true_now(after, mine, response));
            require(is_true, Invariant::ResponseIsTrue)?;
        }
        Ok(())
    }

    /// Checks that a failure is counted if and only if fal may bill it, as far as its reason can still be seen.
    fn check_failures(&self, before: &State, after: &State) -> Result<(), Invariant> {
        let ended = before.items.generations.iter().zip(&after.items.generations).find_map(|(was, now)| {
            let (was, now) = ((*was)?, (*now)?);
            let has_ended = was.attempt == now.attempt && was.status == Status::Pending;
            (has_ended && matches!(now.status, Status::Failed | Status::Expired)).then_some(now)
        });
        let Some(ended) = ended.filter(|_| self.scenario.budget.is_some()) else { return Ok(()) };
        let mine = ended.attempt;
        let is_billed = if self.scenario.request(mine).asynchronous {
            let at_fal = Job::both(mine).map(|job| before.at_fal(job));
            ended.status == Status::Expired || at_fal.contains(&AtFal::Failed)
        } else {
            match before.requests.get(mine.index()).map(|process| process.stage) {
                _ if ended.status == Status::Expired => false,
                Some(Stage::Release(reason)) => reason == Reason::Failure,
                _ => return Ok(()),
            }
        };
        require(after.items.profile.failures.contains(mine) == is_billed, Invariant::FailureIsCounted)
    }

    /// Checks how an asynchronous batch ends, and that no attempt changes after its end.
    fn check_ends(&self, before: &State, after: &State) -> Result<(), Invariant> {
        for (key, was) in before.items.generations.iter().enumerate() {
            let (Some(was), Some(now)) = (was, after.items.generations[key]) else { continue };
            if was.attempt != now.attempt {
                continue;
            }
            let same_jobs = key != QUEUE_KEY || before.items.queued == after.items.queued;
            let is_final = was.status == Status::Pending || *was == now && same_jobs;
            require(is_final, Invariant::EndIsFinal)?;
            let mine = was.attempt;
            if self.scenario.request(mine).asynchronous
                && was.status != now.status
                && now.status == Status::Failed
            {
                let at_fal = Job::both(mine).map(|job| before.at_fal(job));
                let has_reason = at_fal.contains(&AtFal::Failed) || at_fal == [AtFal::Unsent; 2];
                require(has_reason, Invariant::FailureHasAReason)?;
            }
        }
        Ok(())
    }

    /// Whether the part of the response that is about this moment is true.
    fn is_true_now(&self, state: &State, mine: Attempt, response: Response) -> bool {
        let profile = &state.items.profile;
        let Request { key, body, price, .. } = self.scenario.request(mine);
        let record = state.items.generations[key];
        let same = record.filter(|record| record.body == body);
        let is_delivered = same.is_some_and(|record| record.status == Status::Succeeded);
        let has_no_way = !is_delivered && profile.holds.intersection(state.lapsed).is_empty();
        match response {
            Response::InsufficientCoins => has_no_way && profile.available() < price,
            Response::TooManyGenerations => has_no_way && profile.holds.len() >= self.scenario.max_holds,
            Response::TooManyFailures => has_no_way && self.is_budget_used_up(profile),
            Response::InProgress => same.is_some_and(|record| {
                let is_running = record.status == Status::Pending && !state.lapsed.contains(record.attempt);
                is_running && record.attempt != mine
            }),
            Response::KeyReused => record.is_some_and(|record| record.body != body),
            Response::LeaseLost => state.lapsed.contains(mine),
            Response::Accepted => same.is_some(),
            _ => true,
        }
    }

    /// Whether a visitor finds coins that it cannot spend, or a key that stays in progress, after all leases
    /// have ended and while every other process stands still.
    fn is_anything_stuck(&self, state: &State) -> bool {
        let balance = state.items.profile.balance.unwrap_or_default();
        let own = Request { key: REQUESTS, body: 0, price: balance, asynchronous: false };
        let can_spend_all = balance == 0 || self.visit(state, own) == Stage::AskFal(None);
        let gets_through = |request: &Request| match self.visit(state, *request) {
            Stage::AskFal(None) | Stage::Done(Response::Replayed(_) | Response::KeyReused) => true,
            Stage::Done(Response::InsufficientCoins) => balance < request.price,
            _ => false,
        };
        !can_spend_all || !self.scenario.requests[..self.scenario.count].iter().all(gets_through)
    }

    /// The stage that a visitor with this request reaches alone, after all leases have ended and all failures are
    /// forgotten.
    fn visit(&self, state: &State, request: Request) -> Stage {
        let (mut model, mut state) = (*self, *state);
        model.scenario.requests[VISITOR.index()] = Request { asynchronous: false, ..request };
        state.lapsed = Attempts::ALL;
        model.scenario.budget = None;
        model.run_alone(&mut state, Actor::Request(VISITOR), Stage::Hold)
    }

    /// Whether the pending asynchronous batch would stay pending although its lease has ended or fal is done:
    /// one of the ways to end the batch fails, while every other process stands still.
    fn is_a_batch_stuck(&self, state: &State) -> bool {
        let Some(of) = self.running(&state.items) else { return false };
        let mut expired = *state;
        expired.lapsed.insert(of);
        self.work_alone(&mut expired, Some(Task::Expire { of }));

        let [first, second] = Job::both(of);
        let at_fal = [first, second].map(|job| state.at_fal(job));
        let all_made = at_fal == [AtFal::Made; 2];
        let is_done = all_made || at_fal.contains(&AtFal::Failed);
        let has_tickets = state.items.queued.tickets.iter().all(Option::is_some);
        let ends = |find_task: &dyn Fn(&State, Job) -> Option<Task>, order: [Job; 2]| {
            let mut state = *state;
            for job in order {
                let task = find_task(&state, job);
                self.work_alone(&mut state, task);
            }
            let is_charged = state.items.charges[of.index()].is_some();
            self.running(&state.items) != Some(of) && (is_charged || !all_made)
        };
        let by_webhooks = |state: &State, job| self.webhook(state, job);
        let by_pulls = |state: &State, job: Job| self.pull(state, of, job.slot);
        let ends_in_any_order = [[first, second], [second, first]]
            .into_iter()
            .all(|order| ends(&by_webhooks, order) && (!has_tickets || ends(&by_pulls, order)));
        self.running(&expired.items) == Some(of) || is_done && !ends_in_any_order
    }
}
