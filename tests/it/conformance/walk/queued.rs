//! The calls of an asynchronous attempt between its hold and its end, and the names that the tables have for
//! the model's jobs and turns.

use common::coins::Coins;
use common::generations::{QueuedPicture, Slot};
use common::ledger::{Hold, PictureRecorded, SettleRefused};
use jiff::Timestamp;
use model::jobs::{self, Job, Task};
use model::processes::Reply;
use model::state::{Actor, Attempt, Call, Response, Stage, Status};
use serde_json::Value;

use super::{Walk, tables};

const SLOTS: [(Slot, jobs::Slot); 2] = [(Slot::First, jobs::Slot::First), (Slot::Second, jobs::Slot::Second)];

/// The times that stand for the model's two turns to ask fal.
pub fn turn(value: bool) -> Timestamp {
    Timestamp::from_second(1_790_000_060 + i64::from(value)).expect("in range")
}

/// A job's id at fal, and the address of its picture.
fn name(job: Job) -> String {
    format!("https://fal.example/{}-{}", job.attempt.0, job.slot.index())
}

/// The job with this name.
pub fn job(text: &Value) -> Option<Job> {
    let known = Attempt::all().flat_map(Job::both).find(|job| *text == name(*job));
    assert_eq!(known.is_some(), !text.is_null(), "{text} names a job");
    known
}

/// What became of a call.
#[derive(Debug, PartialEq)]
enum Outcome {
    JobsRecorded,
    FirstPicture,
    SecondPicture([String; 2]),
    PictureTooLate,
    TurnTaken,
    TurnMissed,
    Expired,
}

impl Walk<'_> {
    /// Calls something for an asynchronous attempt, early, late or again.
    pub(super) async fn any_queued_call(&mut self, of: Attempt, random: &mut fastrand::Rng) {
        self.state.lapsed = self.lapsed();
        let (call, outcomes) = match random.u8(0..8) {
            0 | 1 => ("record jobs", self.record_jobs(of, [random.bool(), random.bool()]).await),
            2..6 => ("record a picture", self.record_picture(of, SLOTS[random.usize(0..2)]).await),
            6 => ("take a turn", self.take_turn(of, random.bool()).await),
            _ => ("expire", self.expire(of).await),
        };
        self.calls.push(format!("{of}: {call}"));
        self.compare(outcomes);
    }

    fn hold_of(&self, of: Attempt) -> Hold {
        Hold::of(&self.attempts[of.index()])
    }

    async fn record_jobs(&mut self, of: Attempt, known: [bool; 2]) -> (Outcome, Outcome) {
        let mut queued = <[QueuedPicture; 2]>::default();
        for job in Job::both(of).into_iter().filter(|job| known[job.slot.index()]) {
            queued[job.slot.index()].request_id = Some(name(job));
        }
        self.ledger.record_jobs(&self.hold_of(of), &queued).await.expect("a decision");
        // Nobody is told whether they were recorded.
        let _ = self.model.transact(&mut self.state, Actor::Request(of), Call::Tickets { known });
        (Outcome::JobsRecorded, Outcome::JobsRecorded)
    }

    async fn record_picture(
        &mut self,
        of: Attempt,
        (slot, modelled): (Slot, jobs::Slot),
    ) -> (Outcome, Outcome) {
        let picture = Job { attempt: of, slot: modelled };
        let recorded =
            self.ledger.record_picture(&self.hold_of(of), slot, &name(picture), &name(picture)).await;
        let ledger = match recorded.expect("a decision") {
            PictureRecorded::First => Outcome::FirstPicture,
            PictureRecorded::Second(pictures) => Outcome::SecondPicture(pictures),
            PictureRecorded::Late => Outcome::PictureTooLate,
        };
        let (_, next) = self.model.after_task(&mut self.state, Task::Record { of, picture });
        let is_running = self.model.running(&self.state.items) == Some(of);
        let model = match next {
            Some(Task::Settle { pictures, .. }) => Outcome::SecondPicture(pictures.map(name)),
            _ if is_running => Outcome::FirstPicture,
            _ => Outcome::PictureTooLate,
        };
        (ledger, model)
    }

    async fn take_turn(&mut self, of: Attempt, seen: bool) -> (Outcome, Outcome) {
        let taken = self.ledger.take_turn(&self.hold_of(of), turn(seen), turn(!seen)).await;
        let (reply, _) = self.model.after_task(&mut self.state, Task::Postpone { of, seen });
        let outcome = |taken| if taken { Outcome::TurnTaken } else { Outcome::TurnMissed };
        (outcome(taken.expect("a decision")), outcome(reply == Reply::Applied))
    }

    async fn expire(&mut self, of: Attempt) -> (Outcome, Outcome) {
        self.ledger.expire(&self.hold_of(of), self.now).await.expect("a decision");
        self.model.work_alone(&mut self.state, Some(Task::Expire { of }));
        (Outcome::Expired, Outcome::Expired)
    }

    /// Settles with both pictures, as the bringer of the second one does.
    pub(super) async fn settle_queued(&mut self, of: Attempt, random: &mut fastrand::Rng) -> (Stage, Stage) {
        let (hold, both) = (self.hold_of(of), Job::both(of));
        let price = self.model.scenario.request(of).price;
        let seen = random.bool().then(|| random.i8(price..6));
        let coins = seen.map(|seen| Coins::new(u64::from(seen.unsigned_abs())));
        let ledger = match self.ledger.settle(&hold, &both.map(name), coins, self.now).await {
            Ok(remaining) => Response::Delivered(tables::small(remaining)),
            Err(SettleRefused::LeaseLost) => Response::LeaseLost,
            Err(SettleRefused::Unavailable(cause)) => panic!("{cause}"),
        };
        let settle = Task::Settle { of, pictures: both, before: seen.unwrap_or(price) };
        self.model.work_alone(&mut self.state, Some(settle));
        let found = self.state.items.generations[self.model.scenario.request(of).key];
        let mine = found.filter(|found| found.attempt == of && found.status == Status::Succeeded);
        let model = mine.and_then(|found| found.remaining).map_or(Response::LeaseLost, Response::Delivered);
        (Stage::Done(ledger), Stage::Done(model))
    }
}
