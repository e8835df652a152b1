//! The model: every step that can happen in a state.

use strum::VariantArray;

use crate::flaws::Flaw;
use crate::jobs::{AtFal, Job, Slot, Submission, Task};
use crate::processes::Reply;
use crate::scenario::Scenario;
use crate::state::{Actor, Attempt, Call, Process, Reason, Stage, State};

/// More calls than any process needs when it runs alone.
const MAX_CALLS: usize = 32;

/// The protocol in one scenario, with its flaws.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    pub scenario: Scenario,
    pub flaws: &'static [Flaw],
}

/// Something that happens.
///
/// A crash is not a step: a process that takes no further step has crashed, and the search reaches every
/// state in which any process stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum Step {
    #[strum(to_string = "{0}: the {1:?} arrives and so does its reply")]
    Answered(Actor, Call),
    #[strum(to_string = "{0}: the {1:?} is applied and the reply is lost")]
    ReplyLost(Actor, Call),
    /// The call does not arrive in time. It may arrive later.
    #[strum(to_string = "{0}: a copy of the {1:?} is delayed")]
    Delayed(Actor, Call),
    /// The tables remember the request token: they reply that the call was applied.
    #[strum(to_string = "{0}: the {1:?} is sent again and its token is remembered")]
    SentAgain(Actor, Call),
    /// Every try of the call was refused without a decision, or was lost.
    #[strum(to_string = "{0}: no try of the {1:?} gets a decision")]
    Undecided(Actor, Call),
    /// The function's time is up: it responds with what it knows.
    #[strum(to_string = "{0}: its time is up")]
    TimedOut(Actor),
    #[strum(to_string = "{0} reads the balance")]
    BalanceRead(Actor),
    #[strum(to_string = "{0}: fal delivers")]
    FalDelivered(Actor),
    #[strum(to_string = "{0}: fal fails")]
    FalFailed(Actor),
    /// The sender gave up long ago.
    #[strum(to_string = "{0}: a delayed {1:?} arrives")]
    ArrivedLate(Actor, Call),
    #[strum(to_string = "{0}: its lease ends")]
    LeaseEnded(Attempt),
    #[strum(to_string = "{0} is submitted: {1:?}")]
    Submitted(Job, Submission),
    #[strum(to_string = "{0} cannot store its photos")]
    PhotosNotStored(Actor),
    #[strum(to_string = "{0} looks at the record and responds")]
    Looked(Actor),
    #[strum(to_string = "fal makes the picture of {0}")]
    JobMade(Job),
    #[strum(to_string = "{0} fails at fal")]
    JobFailed(Job),
    /// A worker begins: it reads the record and knows what to write, or drops the webhook.
    #[strum(to_string = "a webhook for {0} arrives")]
    Webhook(Job),
    /// A worker begins, if there is a ticket and fal has a result.
    #[strum(to_string = "job {1:?} of {0} is pulled")]
    Pulled(Attempt, Slot),
    #[strum(to_string = "the minute function finds {0} lapsed")]
    FoundLapsed(Attempt),
    #[strum(to_string = "somebody finds that {0} may be pulled")]
    FoundDue(Attempt),
    #[strum(to_string = "a worker sends {0}: {1:?}")]
    Wrote(Task, Reply),
    #[strum(to_string = "a worker sends {0}, which is applied and the reply is lost")]
    WriteReplyLost(Task),
    #[strum(to_string = "a worker dies or gives up before {0}")]
    WorkerDied(Task),
}

impl Model {
    /// The protocol without a flaw.
    pub fn new(scenario: Scenario) -> Self {
        Self { scenario, flaws: &[] }
    }

    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    /// Calls `visit` with every step that can happen in `state` and the state after it.
    pub fn each_step(&self, state: &State, mut visit: impl FnMut(Step, State)) {
        for (actor, process) in state.processes() {
            match process.stage.call() {
                Some(call) => self.each_step_of_a_call(state, actor, process, call, &mut visit),
                None => self.each_step_between_calls(state, actor, process.stage, &mut visit),
            }
        }
        for (place, late_call) in state.late_calls.iter().enumerate() {
            if let Some((actor, call)) = *late_call {
                visit(Step::ArrivedLate(actor, call), self.after_late_call(*state, place, actor, call));
            }
        }
        for attempt in state.items.profile.holds.iter().filter(|attempt| !state.lapsed.contains(*attempt)) {
            let mut after = *state;
            after.lapsed.insert(attempt);
            visit(Step::LeaseEnded(attempt), after);
        }
        if self.scenario.workers > 0 {
            self.each_asynchronous_step(state, &mut visit);
        }
    }

    fn each_step_of_a_call(
        &self,
        state: &State,
        actor: Actor,
        Process { stage, was_applied }: Process,
        call: Call,
        visit: &mut impl FnMut(Step, State),
    ) {
        let mut arrived = *state;
        let reply = self.send(&mut arrived, actor, call);
        let next = self.next_stage(&arrived, actor, stage, reply);
        visit(Step::Answered(actor, call), arrived.with_stage(actor, next));
        if reply == Reply::Applied {
            arrived.process(actor).was_applied = true;
            visit(Step::ReplyLost(actor, call), arrived);
        }
        if let Some(delayed) = self.with_late_call(*state, actor, call) {
            visit(Step::Delayed(actor, call), delayed);
        }
        let replied = |reply| state.with_stage(actor, self.next_stage(state, actor, stage, reply));
        if was_applied {
            visit(Step::SentAgain(actor, call), replied(Reply::Applied));
        }
        for may_have_applied in [false, true] {
            visit(Step::Undecided(actor, call), replied(Reply::Undecided { may_have_applied }));
        }
        if let Some(stage) = stage.timed_out() {
            visit(Step::TimedOut(actor), state.with_stage(actor, stage));
        }
    }

    fn each_step_between_calls(
        &self,
        state: &State,
        actor: Actor,
        stage: Stage,
        visit: &mut impl FnMut(Step, State),
    ) {
        if let (Actor::Request(mine), Stage::Submit(submissions)) = (actor, stage) {
            return self.each_submission(state, mine, submissions, visit);
        }
        let balance = state.items.profile.balance;
        let mut go = |step, stage| visit(step, state.with_stage(actor, stage));
        match (actor, stage) {
            (_, Stage::ReadBalance) => go(Step::BalanceRead(actor), Stage::TopUp(balance)),
            (Actor::Request(mine), Stage::AskFal(seen)) => {
                if seen.is_none() {
                    go(Step::BalanceRead(actor), Stage::AskFal(balance));
                }
                go(Step::FalDelivered(actor), self.after_fal(mine, seen));
                go(Step::FalFailed(actor), Stage::Release(Reason::Failure));
            }
            (Actor::Request(mine), Stage::Wait) => {
                go(Step::Looked(actor), Stage::Done(self.after_look(state, mine)));
            }
            _ => {}
        }
    }

    /// A submission is sent once. fal accepts it or not, and its reply may be lost. Before the first one, the request
    /// may fail by itself.
    fn each_submission(
        &self,
        state: &State,
        mine: Attempt,
        submissions: [Submission; 2],
        visit: &mut impl FnMut(Step, State),
    ) {
        let actor = Actor::Request(mine);
        if submissions == [Submission::Unsent; 2] && state.fal[mine.index()] == [AtFal::Unsent; 2] {
            let failed = state.with_stage(actor, Stage::Release(Reason::NotSent));
            visit(Step::PhotosNotStored(actor), failed);
        }
        for slot in Slot::VARIANTS.iter().filter(|slot| submissions[slot.index()] == Submission::Unsent) {
            let job = Job { attempt: mine, slot: *slot };
            let now = state.at_fal(job);
            for outcome in [Submission::Accepted, Submission::ReplyLost, Submission::Refused] {
                let refused = outcome == Submission::Refused;
                let after = state.with_job(job, if refused { AtFal::Failed } else { now.submitted() });
                let mut submissions = submissions;
                if outcome != Submission::ReplyLost || !self.has(Flaw::LostSubmissionSentAgain) {
                    submissions[slot.index()] = outcome;
                }
                let stage = self.after_submission(submissions);
                visit(Step::Submitted(job, outcome), after.with_stage(actor, stage));
            }
        }
    }

    /// The state with a copy of the call in flight, if the scenario allows one more and this one is new.
    fn with_late_call(&self, mut state: State, actor: Actor, call: Call) -> Option<State> {
        let copy = Some((actor, call));
        let count = state.late_calls.iter().flatten().count();
        if count >= self.scenario.late_calls || state.late_calls.contains(&copy) {
            return None;
        }
        *state.late_calls.iter_mut().find(|place| place.is_none())? = copy;
        state.late_calls.sort_unstable();
        Some(state)
    }

    fn after_late_call(&self, mut state: State, place: usize, actor: Actor, call: Call) -> State {
        state.late_calls[place] = None;
        state.late_calls.sort_unstable();
        let reply = self.send(&mut state, actor, call);
        let sender = state.process(actor);
        sender.was_applied |= reply == Reply::Applied && sender.stage.call() == Some(call);
        state
    }

    /// The stage that a process reaches from `stage` if every call is answered and nothing else happens: a
    /// response, or the wait for fal. A process whose call is refused again and again stays where it is.
    pub fn run_alone(&self, state: &mut State, actor: Actor, mut stage: Stage) -> Stage {
        for _ in 0..MAX_CALLS {
            let Some(next) = self.after_call(state, actor, stage) else { break };
            stage = next;
        }
        stage
    }

    /// The stage after the call at `stage` was answered; `None` if this stage has no call.
    pub fn after_call(&self, state: &mut State, actor: Actor, stage: Stage) -> Option<Stage> {
        let reply = self.send(state, actor, stage.call()?);
        Some(self.next_stage(state, actor, stage, reply))
    }

    fn send(&self, state: &mut State, actor: Actor, call: Call) -> Reply {
        self.transact(state, actor, call).map_or_else(Reply::Refused, |()| Reply::Applied)
    }
}
