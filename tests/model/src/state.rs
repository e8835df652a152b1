//! The state: the items in the tables, the processes, and the calls in flight. It is small, because the
//! search keeps millions of states.

use std::fmt;

use crate::jobs::{AtFal, MAX_WORKERS, QUEUE_KEY, Queued, Submission, Task};

/// Coins are signed, so that a flawed protocol can show a negative balance.
pub type Coins = i8;

/// The requests that race with each other.
pub const REQUESTS: usize = 3;

/// Each request makes one attempt. A visitor makes one more: it comes last and must find nothing stuck.
pub const ATTEMPTS: usize = REQUESTS + 1;

pub const VISITOR: Attempt = Attempt(REQUESTS as u8);

/// The top-ups that race with the requests. Two of them may bring the same payment.
pub const TOP_UPS: usize = 2;

/// The calls that may be in flight after their senders gave up.
pub const MAX_LATE_CALLS: usize = 2;

/// An attempt at a generation: the fencing token. Attempts are numbered in the order in which they start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u8);

impl Attempt {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..ATTEMPTS as u8).map(Self)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            VISITOR => f.write_str("the visitor"),
            Self(number) => write!(f, "request {number}"),
        }
    }
}

/// A set of attempts: one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attempts(u8);

impl Attempts {
    pub const ALL: Self = Self((1 << ATTEMPTS) - 1);

    pub fn only(attempt: Attempt) -> Self {
        Self(1 << attempt.0)
    }

    pub fn contains(self, attempt: Attempt) -> bool {
        self.0 & Self::only(attempt).0 != 0
    }

    pub fn insert(&mut self, attempt: Attempt) {
        self.0 |= Self::only(attempt).0;
    }

    pub fn remove(&mut self, attempt: Attempt) {
        self.0 &= !Self::only(attempt).0;
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Attempt> {
        Attempt::all().filter(move |attempt| self.contains(*attempt))
    }
}

/// The user's row in `profiles`. A row without attributes stands for a missing row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Profile {
    pub balance: Option<Coins>,
    /// The coins that no hold covers. An imported row has no such attribute: all its coins are available.
    pub available: Option<Coins>,
    pub holds: Attempts,
    /// The attempts whose failure fal may bill. The history is shorter than a day, so none of them is forgotten.
    pub failures: Attempts,
}

impl Profile {
    pub fn available(&self) -> Coins {
        self.available.or(self.balance).unwrap_or_default()
    }
}

/// The words of `common::generations::Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Pending,
    Succeeded,
    Failed,
    Expired,
}

/// A row in `generations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The attempt that owns the row now.
    pub attempt: Attempt,
    pub body: u8,
    pub status: Status,
    /// The balance after the charge, once the generation is charged.
    pub remaining: Option<Coins>,
}

/// A row in `ledger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    pub delta: Coins,
    /// The balance after the entry.
    pub balance: Coins,
}

/// Everything that the tables store of the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Items {
    pub profile: Profile,
    /// The generations by key. A request without a key has a generation of its own.
    pub generations: [Option<Generation>; ATTEMPTS],
    /// The ledger's rows `charge#<attempt>`.
    pub charges: [Option<Entry>; ATTEMPTS],
    /// The ledger's rows `topup#<reference>`.
    pub top_ups: [Option<Entry>; TOP_UPS],
    /// The asynchronous part of the generation under [`QUEUE_KEY`].
    pub queued: Queued,
}

impl Items {
    pub fn ledger(&self) -> impl Iterator<Item = Entry> {
        self.charges.iter().chain(&self.top_ups).flatten().copied()
    }
}

impl fmt::Display for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let balance = self.profile.balance.unwrap_or_default();
        write!(f, "balance {balance}, available {}", self.profile.available())?;
        for attempt in self.profile.holds.iter() {
            write!(f, ", held by {attempt}")?;
        }
        for (key, generation) in ('A'..).zip(self.generations) {
            if let Some(Generation { attempt, status, .. }) = generation {
                write!(f, "; {key} {status:?} by {attempt}")?;
            }
        }
        let sum: Coins = self.ledger().map(|entry| entry.delta).sum();
        write!(f, "; ledger {sum:+}")
    }
}

/// A transaction on its way to the tables. `before` is the balance that the sender last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    Hold,
    Settle {
        before: Coins,
    },
    Release {
        /// Whether fal may bill the failure.
        billed: bool,
    },
    /// Records the tickets of the jobs that fal is known to have accepted, by slot.
    Tickets {
        known: [bool; 2],
    },
    /// Gives back the coins of an attempt whose lease has ended.
    Expire {
        of: Attempt,
    },
    /// `before` is `None` if there was no row.
    TopUp {
        before: Option<Coins>,
    },
}

/// Why a request releases its own hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// fal failed, and may bill what it did.
    Failure,
    /// fal was not asked.
    NotSent,
    /// The hold has no known outcome.
    LostHold,
    /// The settle has no known outcome: the release decides.
    LostSettle,
}

/// What the client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Response {
    /// 200: the pictures, and the remaining coins.
    Delivered(Coins),
    /// 200: the pictures of an earlier request, and the coins that remained then.
    Replayed(Coins),
    /// The response to fal's failure.
    Failed,
    /// 403.
    InsufficientCoins,
    /// 409, or 202 with the running batch for an asynchronous request: the same request is running.
    InProgress,
    /// 422: the key was used for another body.
    KeyReused,
    /// 429: the user's limit of running generations is reached.
    TooManyGenerations,
    /// 429: the user's failures, with those that the running generations may become, use up the budget.
    TooManyFailures,
    /// 503: nothing is held, or the lease will free it.
    TryAgain,
    /// 503: whether the batch was charged is unknown.
    OutcomeUnknown,
    /// 504: the lease had ended, so the pictures are discarded.
    LeaseLost,
    /// 202: fal has the batch; the record tells the rest.
    Accepted,
    /// The response to a top-up: the balance after it.
    Credited(Coins),
}

impl Response {
    /// The part of the response that must stay true. All failures promise the same: nothing was charged.
    fn lasting(self) -> Self {
        match self {
            Self::Delivered(_)
            | Self::Replayed(_)
            | Self::OutcomeUnknown
            | Self::Accepted
            | Self::Credited(_) => self,
            _ => Self::Failed,
        }
    }
}

/// A process's program counter, with the values that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    Hold,
    /// Expires the attempts that block its hold, then tries the hold again.
    Expire(Attempts),
    /// Waits for fal. Meanwhile it may read the balance.
    AskFal(Option<Coins>),
    /// Settles from the balance that the request last read.
    Settle(Coins),
    Release(Reason),
    /// Submits the two jobs to fal's queue, in any order.
    Submit([Submission; 2]),
    /// Records the known tickets.
    Tickets([bool; 2]),
    /// Waits for the end of its asynchronous batch, and looks at the record before it responds.
    Wait,
    ReadBalance,
    /// Adds a payment to the balance that the top-up read.
    TopUp(Option<Coins>),
    Done(Response),
    /// The scenario has no such process.
    Absent,
}

/// A request or a top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    pub stage: Stage,
    /// The stage's call was applied but the reply was lost: the tables remember its request token.
    pub was_applied: bool,
}

impl Process {
    pub fn new(stage: Stage) -> Self {
        Self { stage, was_applied: false }
    }

    pub fn response(&self) -> Option<Response> {
        match self.stage {
            Stage::Done(response) => Some(response),
            _ => None,
        }
    }
}

/// The name of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Actor {
    #[strum(to_string = "{0}")]
    Request(Attempt),
    #[strum(to_string = "top-up {0}")]
    TopUp(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub items: Items,
    /// The attempts whose lease has ended.
    pub lapsed: Attempts,
    pub requests: [Process; REQUESTS],
    pub top_ups: [Process; TOP_UPS],
    /// What fal has made of each attempt's jobs, by slot.
    pub fal: [[AtFal; 2]; REQUESTS],
    /// The tasks of the workers. They are sorted, the empty places first.
    pub workers: [Option<Task>; MAX_WORKERS],
    /// Calls in flight whose senders gave up. They are sorted, the empty places first.
    pub late_calls: [Option<(Actor, Call)>; MAX_LATE_CALLS],
}

impl State {
    /// The state without details that no later step or check can see, so that the search visits fewer states.
    pub fn normalized(mut self) -> Self {
        for process in &mut self.requests {
            if let Stage::Done(response) = &mut process.stage {
                *response = response.lasting();
            }
        }
        self.forget_ended_jobs();
        self
    }

    /// Webhooks of an ended batch are refused whatever they say, so fal may as well have made all its pictures.
    fn forget_ended_jobs(&mut self) {
        let Some(record) = self.items.generations[QUEUE_KEY] else { return };
        let has_ended = record.status != Status::Pending;
        let ended = record.attempt.index() + usize::from(has_ended);
        for job in self.fal.iter_mut().take(ended).flatten() {
            if *job != AtFal::SentTwice {
                *job = AtFal::Made;
            }
        }
    }

    /// The actor's process. The visitor has no process.
    pub fn process(&mut self, actor: Actor) -> &mut Process {
        match actor {
            Actor::Request(attempt) => &mut self.requests[attempt.index()],
            Actor::TopUp(number) => &mut self.top_ups[usize::from(number)],
        }
    }

    /// This state, with the actor at another stage.
    pub fn with_stage(mut self, actor: Actor, stage: Stage) -> Self {
        *self.process(actor) = Process::new(stage);
        self
    }

    pub fn processes(&self) -> impl Iterator<Item = (Actor, Process)> {
        let requests = Attempt::all().map(Actor::Request).zip(self.requests);
        let top_ups = (0..).map(Actor::TopUp).zip(self.top_ups);
        requests.chain(top_ups)
    }
}
