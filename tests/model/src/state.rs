//! What is: the items in the tables, the processes with what each believes, and the calls in flight. Small,
//! because millions of them are kept.

use std::fmt;

/// Coins. Signed, so that a flawed protocol can be seen to fall below nothing.
pub type Coins = i8;

/// Requests that race with each other.
pub const REQUESTS: usize = 3;

/// One attempt a request, and one of the visitor who comes last and must find nothing stuck.
pub const ATTEMPTS: usize = REQUESTS + 1;

/// The visitor's attempt.
pub const VISITOR: Attempt = Attempt(REQUESTS as u8);

/// Payments that race with them. Two may be the same payment, invoked twice.
pub const TOP_UPS: usize = 2;

/// An attempt at a generation: the fencing token. It is its request's number, in the order of their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u8);

impl Attempt {
    /// Its place in an array of one element an attempt.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ATTEMPTS as u8).map(Self)
    }
}

/// A set of attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Attempts(u8);

impl Attempts {
    /// Every attempt there is.
    pub const ALL: Self = Self((1 << ATTEMPTS) - 1);

    /// Whether `attempt` is in it.
    pub fn has(self, attempt: Attempt) -> bool {
        self.0 & (1 << attempt.0) != 0
    }

    /// With `attempt`.
    pub fn add(&mut self, attempt: Attempt) {
        self.0 |= 1 << attempt.0;
    }

    /// Without `attempt`.
    pub fn delete(&mut self, attempt: Attempt) {
        self.0 &= !(1 << attempt.0);
    }

    /// How many.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Attempt> {
        Attempt::all().filter(move |attempt| self.has(*attempt))
    }
}

/// A user's row in `profiles`. A row that is not there is one without attributes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Settled coins.
    pub balance: Option<Coins>,
    /// The part of them that nobody holds; absent in an imported row, where it means all.
    pub available: Option<Coins>,
    /// Who holds coins. A hold names its attempt, which tells the price and the generation.
    pub holds: Attempts,
}

impl Profile {
    /// What can be spent.
    pub fn available(&self) -> Coins {
        self.available.or(self.balance).unwrap_or_default()
    }
}

/// How far a generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of common::generations::Status")]
pub enum Status {
    Pending,
    Succeeded,
    Failed,
    Expired,
}

/// A row in `generations`, which lies under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The attempt that owns it now.
    pub attempt: Attempt,
    /// Which body was asked for.
    pub body: u8,
    /// How far it has come.
    pub status: Status,
    /// The balance after it was paid, once it is.
    pub remaining: Option<Coins>,
}

/// A row in `ledger`: what was added or taken, and the balance after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What was added.
    pub delta: Coins,
    /// The balance afterwards.
    pub balance: Coins,
}

/// All that is stored of one user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Items {
    /// The row in `profiles`.
    pub profile: Profile,
    /// The rows in `generations`, by key. A request without a key has a generation of its own.
    pub generations: [Option<Generation>; ATTEMPTS],
    /// The rows `charge#<attempt>` in `ledger`.
    pub charges: [Option<Entry>; ATTEMPTS],
    /// The rows `topup#<reference>` in `ledger`.
    pub top_ups: [Option<Entry>; TOP_UPS],
}

/// A transaction on its way to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Set the price aside.
    Hold,
    /// Take the held coins out of a balance that is `before`.
    Settle {
        /// As the sender knows it.
        before: Coins,
    },
    /// Give the held coins back.
    Release,
    /// Give back the coins of somebody whose lease has passed.
    Expire {
        /// Whose.
        of: Attempt,
    },
    /// Add a payment to a balance that is `before`, which is nothing where no row is.
    TopUp {
        /// As the sender knows it.
        before: Option<Coins>,
    },
}

/// Why an attempt's hold is being given back by its own request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The pictures were not made.
    Failure,
    /// Nobody knows whether the hold was placed.
    LostHold,
    /// Nobody knows whether the settle was applied: releasing decides.
    LostSettle,
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// 200 with the pictures and the remaining coins.
    Delivered(Coins),
    /// 200 with the pictures of an earlier request, and the remaining coins of then.
    Replayed(Coins),
    /// What fal's failure is answered with.
    Failed,
    /// 403: not enough coins.
    InsufficientCoins,
    /// 409: the same request is running.
    InProgress,
    /// 422: the key was used for another body.
    KeyReused,
    /// 429: as many generations as one may have are running.
    TooManyGenerations,
    /// 503: nothing is held, or the lease will free it.
    TryAgain,
    /// 503: it is not known whether the batch was paid.
    OutcomeUnknown,
    /// 504: the lease had passed, the pictures are discarded.
    LeaseLost,
    /// To a top-up: the balance after it.
    Credited(Coins),
}

impl Answer {
    /// The part of it that stays true. All failures say the same of ever after: nothing was paid.
    fn remembered(self) -> Self {
        match self {
            Self::Delivered(_) | Self::Replayed(_) | Self::OutcomeUnknown | Self::Credited(_) => self,
            _ => Self::Failed,
        }
    }
}

/// Where a process is: its program counter, with what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Places its hold.
    Hold,
    /// Expires what was in the hold's way, and then tries the hold again.
    Expire(Attempts),
    /// Waits for fal, and meanwhile reads the balance.
    AskFal(Option<Coins>),
    /// Settles, out of the balance it knows.
    Settle(Coins),
    /// Releases.
    Release(Reason),
    /// A top-up reads the balance.
    ReadBalance,
    /// A top-up adds to the balance it read.
    TopUp(Option<Coins>),
    /// Has answered.
    Done(Answer),
    /// Is not part of the scenario.
    Absent,
}

/// A request, or a top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// Where it is.
    pub at: At,
    /// Whether its call there was applied, with the reply lost: the tables remember its request token.
    pub was_applied: bool,
}

impl Process {
    /// One that has just come to `at`.
    pub fn new(at: At) -> Self {
        Self { at, was_applied: false }
    }

    /// What it has answered.
    pub fn answer(&self) -> Option<Answer> {
        match self.at {
            At::Done(answer) => Some(answer),
            _ => None,
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The request with this attempt.
    Request(Attempt),
    /// The top-up with this number.
    TopUp(u8),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(VISITOR) => f.write_str("the visitor"),
            Self::Request(attempt) => write!(f, "request {}", attempt.0 + 1),
            Self::TopUp(number) => write!(f, "top-up {}", number + 1),
        }
    }
}

/// Most copies of calls at once that nobody waits for and that may arrive at any time.
pub const STRAGGLERS: usize = 2;

/// The whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// What is stored.
    pub items: Items,
    /// The attempts whose lease has passed.
    pub lapsed: Attempts,
    /// The requests, by attempt.
    pub requests: [Process; REQUESTS],
    /// The top-ups.
    pub top_ups: [Process; TOP_UPS],
    /// Copies in the network, ordered, the empty places first.
    pub stragglers: [Option<(Who, Call)>; STRAGGLERS],
}

impl State {
    /// Without what is of no more consequence: which failure it was that a client was told of.
    pub fn remembered(mut self) -> Self {
        for process in &mut self.requests {
            if let At::Done(answer) = &mut process.at {
                *answer = answer.remembered();
            }
        }
        self
    }

    /// The process of `who`, which is not the visitor.
    pub fn process(&mut self, who: Who) -> &mut Process {
        match who {
            Who::Request(attempt) => &mut self.requests[attempt.index()],
            Who::TopUp(number) => &mut self.top_ups[usize::from(number)],
        }
    }

    /// Everybody, with the process of each.
    pub fn processes(&self) -> impl Iterator<Item = (Who, Process)> {
        let requests = Attempt::all().map(Who::Request).zip(self.requests);
        let top_ups = (0..).map(Who::TopUp).zip(self.top_ups);
        requests.chain(top_ups)
    }
}
