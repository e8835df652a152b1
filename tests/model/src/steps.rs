//! The model: every step that can happen in a state.

use crate::flaws::Flaw;
use crate::requests::Reply;
use crate::scenario::Scenario;
use crate::state::{At, Attempt, Attempts, Call, Items, Process, Reason, State, Who};

/// More calls than anybody needs who is alone.
const MOST_CALLS: usize = 32;

/// The protocol, in one scenario, with its flaws.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// Who wants what.
    pub scenario: Scenario,
    /// What is wrong.
    pub flaws: &'static [Flaw],
}

/// Something that happens.
///
/// A crash is not among them, because it is in all of them: a process that is dead is one that makes no further
/// step, and every state is reached with every process standing still wherever it can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A call arrives and is answered.
    IsAnswered(Who, Call),
    /// A call arrives, and its reply is lost.
    LosesReply(Who, Call),
    /// A call does not arrive in time. It may arrive later.
    Straggles(Who, Call),
    /// A call is sent once more, and its request token is remembered: it is said to have been applied.
    IsRemembered(Who, Call),
    /// There was no decision in all tries of a call: each was turned away, or was lost.
    GivesUp(Who, Call),
    /// The function's time is up: it answers what it knows.
    RunsOutOfTime(Who),
    /// The balance is read.
    ReadsBalance(Who),
    /// fal delivers.
    FalDelivers(Who),
    /// fal fails.
    FalFails(Who),
    /// A call arrives that nobody waits for any more.
    ArrivesLate(Who, Call),
    /// A lease ends, whatever its request is doing.
    LeasePasses(Attempt),
}

impl Model {
    /// The protocol as it is.
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, flaws: &[] }
    }

    /// Whether this is what is wrong.
    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    /// Shows `visit` every step that can happen in `state`, with the state after it.
    pub fn each_step(&self, state: &State, mut visit: impl FnMut(Step, State)) {
        for (who, process) in state.processes() {
            match Self::call(process.at) {
                Some(call) => self.each_step_of_a_call(state, who, process, call, &mut visit),
                None => self.each_step_between_calls(state, who, process, &mut visit),
            }
        }
        for (place, straggler) in state.stragglers.iter().enumerate() {
            if let Some((who, call)) = *straggler {
                visit(Step::ArrivesLate(who, call), self.arrive_late(state, place, who, call));
            }
        }
        for attempt in state.items.profile.holds.iter().filter(|attempt| !state.lapsed.has(*attempt)) {
            let mut after = *state;
            after.lapsed.add(attempt);
            visit(Step::LeasePasses(attempt), after);
        }
    }

    fn each_step_of_a_call(
        &self,
        state: &State,
        who: Who,
        process: Process,
        call: Call,
        visit: &mut impl FnMut(Step, State),
    ) {
        let with = |process: Process| {
            let mut after = *state;
            *after.process(who) = process;
            after
        };
        let at = process.at;
        let go_on = |reply| with(Process::new(self.next(&state.items, state.lapsed, who, at, reply)));

        let mut arrived = *state;
        let reply = self.reply(&mut arrived.items, state.lapsed, who, call);
        let next = self.next(&arrived.items, state.lapsed, who, at, reply);
        *arrived.process(who) = Process::new(next);
        visit(Step::IsAnswered(who, call), arrived);

        if reply == Reply::Applied {
            *arrived.process(who) = Process { at, was_applied: true };
            visit(Step::LosesReply(who, call), arrived);
        }
        if let Some(straggling) = self.with_straggler(*state, who, call) {
            visit(Step::Straggles(who, call), straggling);
        }
        if process.was_applied {
            visit(Step::IsRemembered(who, call), go_on(Reply::Applied));
        }
        for may_have_applied in [false, true] {
            visit(Step::GivesUp(who, call), go_on(Reply::Undecided { may_have_applied }));
        }
        if let Some(at) = Self::out_of_time(at) {
            visit(Step::RunsOutOfTime(who), with(Process::new(at)));
        }
    }

    fn each_step_between_calls(
        &self,
        state: &State,
        who: Who,
        process: Process,
        visit: &mut impl FnMut(Step, State),
    ) {
        let mut go = |step, at| {
            let mut after = *state;
            *after.process(who) = Process::new(at);
            visit(step, after);
        };
        match (who, process.at) {
            (_, At::ReadBalance) => go(Step::ReadsBalance(who), At::TopUp(state.items.profile.balance)),
            (Who::Request(mine), At::AskFal(seen)) => {
                if seen.is_none() {
                    go(Step::ReadsBalance(who), At::AskFal(state.items.profile.balance));
                }
                go(Step::FalDelivers(who), self.after_fal(mine, seen));
                go(Step::FalFails(who), At::Release(Reason::Failure));
            }
            _ => {}
        }
    }

    /// With a copy of a call in the network, if one more is allowed and it is not there.
    fn with_straggler(&self, mut state: State, who: Who, call: Call) -> Option<State> {
        let copy = Some((who, call));
        let count = state.stragglers.iter().flatten().count();
        if count >= self.scenario.stragglers || state.stragglers.contains(&copy) {
            return None;
        }
        let place = state.stragglers.iter_mut().find(|place| place.is_none())?;
        *place = copy;
        state.stragglers.sort_unstable();
        Some(state)
    }

    fn arrive_late(&self, state: &State, place: usize, who: Who, call: Call) -> State {
        let mut after = *state;
        after.stragglers[place] = None;
        after.stragglers.sort_unstable();
        let applied = self.decide(&mut after.items, state.lapsed, who, call).is_ok();
        let sender = after.process(who);
        sender.was_applied |= applied && Self::call(sender.at) == Some(call);
        after
    }

    /// Where a process comes to from `at` if every call is answered and nobody is beside it: to an answer, or to
    /// where it needs fal. One that is refused in circles stays where it is.
    pub fn undisturbed(&self, items: &mut Items, lapsed: Attempts, who: Who, mut at: At) -> At {
        for _ in 0..MOST_CALLS {
            let Some(next) = self.after_call(items, lapsed, who, at) else { break };
            at = next;
        }
        at
    }

    /// Where a process comes to from `at` if its call there is answered; nothing if it has no call there.
    pub fn after_call(&self, items: &mut Items, lapsed: Attempts, who: Who, at: At) -> Option<At> {
        let reply = self.reply(items, lapsed, who, Self::call(at)?);
        Some(self.next(items, lapsed, who, at, reply))
    }

    fn reply(&self, items: &mut Items, lapsed: Attempts, who: Who, call: Call) -> Reply {
        self.decide(items, lapsed, who, call).map_or_else(Reply::Refused, |()| Reply::Applied)
    }
}
