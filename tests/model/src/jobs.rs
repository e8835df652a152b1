//! The asynchronous part of the state: fal's jobs, what a record knows of them, and the workers that bring
//! results.

use std::fmt;

use strum::VariantArray;

use crate::state::{Attempt, Coins, State, VISITOR};

/// The key whose requests may be asynchronous. Batches under different keys meet in the profile only.
pub const QUEUE_KEY: usize = 0;

/// The workers that act at once. A worker is one run of the webhook function, of the minute function, or of a
/// request that pulls.
pub const MAX_WORKERS: usize = 3;

/// Which of a batch's two pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum Slot {
    First,
    Second,
}

impl Slot {
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// A job at fal. It stands for its token, its ticket and its picture, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    pub attempt: Attempt,
    pub slot: Slot,
}

impl Job {
    /// The two jobs of an attempt.
    pub fn both(attempt: Attempt) -> [Self; 2] {
        [Slot::First, Slot::Second].map(|slot| Self { attempt, slot })
    }

    /// The job of a forged webhook: the visitor has no jobs.
    pub fn forged(slot: Slot) -> Self {
        Self { attempt: VISITOR, slot }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempt {
            VISITOR => write!(f, "the forged job {:?}", self.slot),
            attempt => write!(f, "job {:?} of {attempt}", self.slot),
        }
    }
}

/// What fal has made of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AtFal {
    #[default]
    Unsent,
    /// It is on its way to fal, waits there, or runs.
    Sent,
    Made,
    /// fal refused it, failed, or cancelled it.
    Failed,
    /// Two jobs were sent in the place of one. This must never occur.
    SentTwice,
}

impl AtFal {
    /// The job is submitted.
    pub fn submitted(self) -> Self {
        match self {
            Self::Unsent => Self::Sent,
            Self::Sent => Self::SentTwice,
            ended => ended,
        }
    }
}

/// A submission, as its sender sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Submission {
    #[default]
    Unsent,
    /// fal replied with a ticket.
    Accepted,
    /// Nothing was heard: the job may be accepted, on its way, or lost.
    ReplyLost,
    /// fal replied that it refuses.
    Refused,
}

/// What the record of an asynchronous attempt has besides. All other records have nothing of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Queued {
    /// The attribute that puts the record in the index of the minute function. Two values stand for all
    /// times: a value that comes back can only let more happen.
    pub check_at: Option<bool>,
    /// By slot: fal's request id of the job.
    pub tickets: [Option<Job>; 2],
    /// By slot: the job whose picture is recorded.
    pub pictures: [Option<Job>; 2],
}

/// The write that a worker is about to make. `of` is the attempt whose record it has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Task {
    #[strum(to_string = "the picture of {picture} for {of}")]
    Record { of: Attempt, picture: Job },
    #[strum(to_string = "the settle of {of} from {before}")]
    Settle { of: Attempt, pictures: [Job; 2], before: Coins },
    #[strum(to_string = "the release of {of}")]
    Release { of: Attempt },
    #[strum(to_string = "the expiry of {of}")]
    Expire { of: Attempt },
    #[strum(to_string = "the postponement of {of}")]
    Postpone { of: Attempt, seen: bool },
}

impl State {
    /// What fal has made of the job. A forger says that it is made.
    pub fn at_fal(&self, job: Job) -> AtFal {
        self.fal.get(job.attempt.index()).map_or(AtFal::Made, |jobs| jobs[job.slot.index()])
    }

    /// This state, with the job at another stage.
    pub fn with_job(mut self, job: Job, now: AtFal) -> Self {
        self.fal[job.attempt.index()][job.slot.index()] = now;
        self
    }

    /// This state without the worker at `place`, or with its next task there.
    pub fn with_worker(mut self, place: usize, task: Option<Task>) -> Self {
        self.workers[place] = task;
        self.workers.sort_unstable();
        self
    }
}
