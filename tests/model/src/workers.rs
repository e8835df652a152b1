//! Webhooks, pulls and the minute function, which bring the results of an asynchronous batch. Each run is a
//! worker: it has read the record, makes a write, and after a refusal goes on as the refused item shows.
//!
//! A worker may sleep before any write, lose the reply, or die. Workers begin at any time and any number of
//! times: fal repeats its webhooks, and clients and the minute function look again. In the functions, only
//! the winner of a postponement pulls. Here everybody may pull, so no promise depends on the winner.

use strum::VariantArray;

use crate::flaws::Flaw;
use crate::jobs::{AtFal, Job, QUEUE_KEY, Slot, Task};
use crate::processes::Reply;
use crate::state::{Attempt, Items, State, Status};
use crate::steps::{Model, Step};

impl Model {
    /// Calls `visit` with every step of fal and of the workers, and the state after it.
    pub fn each_asynchronous_step(&self, state: &State, visit: &mut impl FnMut(Step, State)) {
        for (place, task) in state.workers.iter().enumerate() {
            if let Some(task) = *task {
                self.each_step_of_a_worker(state, place, task, visit);
            }
        }
        let jobs = self.scenario.asynchronous_attempts().flat_map(Job::both);
        for job in jobs.clone().filter(|job| state.at_fal(*job) == AtFal::Sent) {
            visit(Step::JobMade(job), state.with_job(job, AtFal::Made));
            visit(Step::JobFailed(job), state.with_job(job, AtFal::Failed));
        }
        let has_room = state.workers.iter().flatten().count() < self.scenario.workers;
        if state.items.generations[QUEUE_KEY].is_none() || !has_room {
            return;
        }
        let mut begin = |step, task: Option<Task>| {
            let after = task.map(|task| state.with_worker(0, Some(task)));
            visit(step, after.unwrap_or(*state));
        };
        for job in jobs.chain(Slot::VARIANTS.iter().map(|slot| Job::forged(*slot))) {
            if matches!(state.at_fal(job), AtFal::Made | AtFal::Failed) {
                begin(Step::Webhook(job), self.webhook(state, job));
            }
        }
        let Some(of) = self.running(&state.items) else { return };
        for slot in Slot::VARIANTS {
            begin(Step::Pulled(of, *slot), self.pull(state, of, *slot));
        }
        if self.may_expire(state.lapsed).contains(of) {
            begin(Step::FoundLapsed(of), Some(Task::Expire { of }));
        }
        if let Some(seen) = state.items.queued.check_at {
            begin(Step::FoundDue(of), Some(Task::Postpone { of, seen }));
        }
    }

    /// The attempt whose asynchronous batch is pending.
    pub fn running(&self, items: &Items) -> Option<Attempt> {
        let record = items.generations[QUEUE_KEY].filter(|record| record.status == Status::Pending);
        record.map(|record| record.attempt).filter(|attempt| self.scenario.request(*attempt).asynchronous)
    }

    /// The task of a webhook's run, which reads the record and compares the token. A webhook for an ended
    /// batch has no effect.
    pub fn webhook(&self, state: &State, job: Job) -> Option<Task> {
        let of = self.running(&state.items)?;
        let accepts_it = match state.fal.get(job.attempt.index()) {
            Some(_) => job.attempt == of || self.has(Flaw::WebhookIgnoresAttempt),
            None => self.has(Flaw::WebhookIgnoresToken),
        };
        Self::result(state, of, job).filter(|_| accepts_it)
    }

    /// The task of a pull. Without a ticket nobody can ask fal.
    pub fn pull(&self, state: &State, of: Attempt, slot: Slot) -> Option<Task> {
        match state.items.queued.tickets[slot.index()] {
            Some(job) => Self::result(state, of, job),
            None => self.has(Flaw::PullIgnoresTicket).then_some(Task::Release { of }),
        }
    }

    /// The task of a worker that knows the job's result. A job that still runs has none.
    fn result(state: &State, of: Attempt, job: Job) -> Option<Task> {
        match state.at_fal(job) {
            AtFal::Made => Some(Task::Record { of, picture: job }),
            AtFal::Failed => Some(Task::Release { of }),
            _ => None,
        }
    }

    fn each_step_of_a_worker(
        &self,
        state: &State,
        place: usize,
        task: Task,
        visit: &mut impl FnMut(Step, State),
    ) {
        let mut arrived = *state;
        let (reply, next) = self.after_task(&mut arrived, task);
        visit(Step::Wrote(task, reply), arrived.with_worker(place, next));
        if reply == Reply::Applied {
            visit(Step::WriteReplyLost(task), arrived);
        }
        visit(Step::WorkerDied(task), state.with_worker(place, None));
    }

    /// Makes the task's write. Returns its reply, and the next task of its worker.
    pub fn after_task(&self, state: &mut State, task: Task) -> (Reply, Option<Task>) {
        let reply = self.perform(state, task).map_or_else(Reply::Refused, |()| Reply::Applied);
        let next = match (task, reply) {
            (Task::Record { of, picture }, Reply::Refused(_)) => {
                self.after_refused_picture(state, of, picture)
            }
            (Task::Record { of, picture }, Reply::Applied) if self.has(Flaw::OnePictureSettles) => {
                self.settle_with(of, [picture; 2])
            }
            (Task::Record { of, .. }, Reply::Applied) if self.has(Flaw::PictureIgnoresPictures) => {
                match state.items.queued.pictures {
                    [Some(first), Some(second)] => self.settle_with(of, [first, second]),
                    _ => None,
                }
            }
            (Task::Settle { of, pictures, before }, Reply::Refused(refused)) => {
                let price = self.scenario.request(of).price;
                let changed = state.items.profile.balance.filter(|coins| *coins >= price && *coins != before);
                let before =
                    changed.filter(|_| !refused.generation && state.items.profile.holds.contains(of));
                before.map(|before| Task::Settle { of, pictures, before })
            }
            _ => None,
        };
        (reply, next)
    }

    /// The refused item shows the reason: it has the other picture, it has this one, or the batch has ended.
    fn after_refused_picture(&self, state: &State, of: Attempt, picture: Job) -> Option<Task> {
        let pictures = state.items.queued.pictures;
        let (own, other) = (pictures[picture.slot.index()], pictures[picture.slot.other().index()]);
        let own = own.filter(|_| self.has(Flaw::OwnPictureNotRecognised));
        let other = other.or(own).filter(|_| self.running(&state.items) == Some(of))?;
        if self.has(Flaw::SecondPictureDropped) {
            return None;
        }
        let pictures = if picture.slot == Slot::First { [picture, other] } else { [other, picture] };
        self.settle_with(of, pictures)
    }

    /// The first settle supposes that the user has just the price of the batch. Its refusal shows the
    /// balance.
    fn settle_with(&self, of: Attempt, pictures: [Job; 2]) -> Option<Task> {
        Some(Task::Settle { of, pictures, before: self.scenario.request(of).price })
    }

    /// Has one worker do the task and every task that follows.
    pub fn work_alone(&self, state: &mut State, mut task: Option<Task>) {
        while let Some(now) = task {
            (_, task) = self.after_task(state, now);
        }
    }
}
