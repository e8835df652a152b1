//! The part of the world that does not change: what the requests ask for, and what the payments bring.

use std::fmt;

use crate::jobs::{AtFal, MAX_WORKERS, QUEUE_KEY};
use crate::state::{
    ATTEMPTS, Attempt, Attempts, Coins, Items, MAX_LATE_CALLS, Process, Profile, REQUESTS, Stage, State,
    TOP_UPS,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Requests with the same Idempotency-Key share a generation.
    pub key: usize,
    pub body: u8,
    /// The price of a batch in the settings of the request's function.
    pub price: Coins,
    /// `Prefer: respond-async`.
    pub asynchronous: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    pub reference: usize,
    pub coins: Coins,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// `None` if the user has no row yet.
    pub opening_balance: Option<Coins>,
    /// The requests by attempt; the last is the visitor's.
    pub requests: [Request; ATTEMPTS],
    /// How many requests there are, without the visitor's.
    pub count: usize,
    /// The payment of each top-up.
    pub payments: [Option<Payment>; TOP_UPS],
    /// The limit of the user's running generations.
    pub max_holds: usize,
    /// How many failures that fal may bill the user may cause, if they are counted.
    pub budget: Option<usize>,
    /// How many calls may be in flight at once after their senders gave up.
    pub late_calls: usize,
    /// How many workers for asynchronous batches act at once.
    pub workers: usize,
}

impl Scenario {
    /// Requests at a price of one coin, a limit of four generations, one late call and no payment. `"A1 A2
    /// B1"` are two requests with one key and different bodies, and one request with another key.
    pub fn new(opening_balance: Coins, keys_and_bodies: &str) -> Self {
        let mut requests = [Request { key: REQUESTS, body: 0, price: 1, asynchronous: false }; ATTEMPTS];
        let words = Vec::from_iter(keys_and_bodies.split_whitespace().map(str::as_bytes));
        for (request, word) in requests.iter_mut().zip(&words) {
            let &[key, body] = word else { panic!("{word:?} is not a key and a body") };
            (request.key, request.body) = (usize::from(key - b'A'), body - b'0');
        }
        let opening_balance = Some(opening_balance);
        let (count, payments) = (words.len(), [None; TOP_UPS]);
        Self {
            opening_balance,
            requests,
            count,
            payments,
            max_holds: 4,
            budget: None,
            late_calls: 1,
            workers: 0,
        }
    }

    /// The first `requests` are asynchronous, and so many workers act at once. No call is late: a worker that
    /// sleeps shows the same.
    pub fn asynchronous(mut self, requests: usize, workers: usize) -> Self {
        assert!(workers <= MAX_WORKERS, "a state has no more places");
        for request in &mut self.requests[..requests] {
            assert_eq!(request.key, QUEUE_KEY, "only the first key's requests may be asynchronous");
            request.asynchronous = true;
        }
        (self.workers, self.late_calls) = (workers, 0);
        self
    }

    /// The prices of the requests: the setting may change between them.
    pub fn prices(mut self, prices: [Coins; REQUESTS]) -> Self {
        for (request, price) in self.requests.iter_mut().zip(prices) {
            request.price = price;
        }
        self
    }

    /// Adds one payment, delivered once.
    pub fn top_up(mut self, coins: Coins) -> Self {
        self.payments[0] = Some(Payment { reference: 0, coins });
        self
    }

    /// Delivers the payment a second time, at once.
    pub fn twice(mut self) -> Self {
        self.payments[1] = self.payments[0];
        self
    }

    /// The user has never had a coin: there is no row.
    pub fn new_user(mut self) -> Self {
        self.opening_balance = None;
        self
    }

    pub fn max_holds(mut self, max: usize) -> Self {
        self.max_holds = max;
        self
    }

    pub fn budget(mut self, failures: usize) -> Self {
        self.budget = Some(failures);
        self
    }

    pub fn late_calls(mut self, max: usize) -> Self {
        assert!(max <= MAX_LATE_CALLS, "a state has no more places");
        self.late_calls = max;
        self
    }

    /// The asynchronous requests.
    pub fn asynchronous_attempts(&self) -> impl Iterator<Item = Attempt> + Clone {
        Attempt::all().filter(|attempt| self.request(*attempt).asynchronous)
    }

    pub fn request(&self, attempt: Attempt) -> Request {
        self.requests[attempt.index()]
    }

    /// The payment of this top-up, which the scenario must have.
    pub fn payment(&self, top_up: u8) -> Payment {
        self.payments[usize::from(top_up)].expect("a top-up in a scenario has a payment")
    }

    /// The state before the first step. The row is an imported one, without `available`; the first hold or
    /// top-up adds the attribute, so the search meets both kinds of rows.
    pub fn start(&self) -> State {
        let profile = Profile { balance: self.opening_balance, ..Profile::default() };
        let top_up = |payment: Option<_>| payment.map_or(Stage::Absent, |_| Stage::ReadBalance);
        State {
            items: Items { profile, ..Items::default() },
            lapsed: Attempts::default(),
            requests: std::array::from_fn(|number| {
                Process::new(if number < self.count { Stage::Hold } else { Stage::Absent })
            }),
            fal: [[AtFal::Unsent; 2]; REQUESTS],
            workers: [None; MAX_WORKERS],
            top_ups: self.payments.map(|payment| Process::new(top_up(payment))),
            late_calls: [None; MAX_LATE_CALLS],
        }
    }
}

/// "asynchronous A1 for 1, A1 for 1, B2 for 3; balance Some(2); payments `[1]`; at most 4 at once; budget
/// None; 1 late calls; 2 workers".
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opening_balance, requests, count, payments, max_holds, budget, late_calls, workers } =
            self;
        let requests = requests[..*count].iter().map(|Request { key, body, price, asynchronous }| {
            let key = ('A'..).nth(*key).unwrap_or('?');
            let prefer = if *asynchronous { "asynchronous " } else { "" };
            format!("{prefer}{key}{body} for {price}")
        });
        let requests = Vec::from_iter(requests).join(", ");
        let payments = Vec::from_iter(payments.iter().flatten().map(|payment| payment.coins));
        write!(f, "{requests}; balance {opening_balance:?}; payments {payments:?}; ")?;
        write!(
            f,
            "at most {max_holds} at once; budget {budget:?}; {late_calls} late calls; {workers} workers"
        )
    }
}

/// Scenarios that take seconds: every way to share keys and bodies among three requests, asynchronous
/// batches, and every observation.
pub fn small() -> Vec<Scenario> {
    vec![
        Scenario::new(1, "A1 A1 A1"),
        Scenario::new(1, "A1 A1 A2"),
        Scenario::new(1, "A1 A2 A1"),
        Scenario::new(1, "A2 A1 A1"),
        Scenario::new(1, "A1 A1 B1").top_up(1).late_calls(0),
        Scenario::new(1, "A1 A2 B1"),
        Scenario::new(2, "A1 B1 C1").max_holds(1).late_calls(0),
        Scenario::new(3, "A1 B1 C1").late_calls(0),
        Scenario::new(2, "A1 A1 B1").prices([1, 1, 2]).late_calls(0),
        Scenario::new(2, "A1 A1 B1").prices([2, 1, 1]).late_calls(0),
        Scenario::new(1, "A1 A1 A2").top_up(2).twice().late_calls(0),
        Scenario::new(0, "A1 A2 B1").new_user().top_up(1).twice().late_calls(0),
        Scenario::new(1, "A1").asynchronous(1, 2),
        Scenario::new(1, "A1 A1").asynchronous(2, 1),
        Scenario::new(2, "A1 B1").asynchronous(1, 1),
        Scenario::new(2, "A1 A1 B1").budget(1).late_calls(0),
        Scenario::new(3, "A1 B1 C1").budget(2).late_calls(0),
        Scenario::new(1, "A1 A1").asynchronous(1, 1).budget(1),
    ]
}

/// Scenarios that take minutes and a gigabyte.
pub fn large() -> Vec<Scenario> {
    vec![
        Scenario::new(2, "A1 A1 A1").top_up(1).late_calls(0),
        Scenario::new(2, "A1 A1 B1").top_up(1).late_calls(0),
        Scenario::new(2, "A1 B1 C1").top_up(1).late_calls(0),
        Scenario::new(3, "A1 A1 B1").prices([1, 2, 2]).top_up(2).late_calls(0),
        Scenario::new(2, "A1 A1 B1").prices([1, 2, 1]),
        Scenario::new(2, "A1 B1 C1").max_holds(1),
        Scenario::new(2, "A1 B1 C1"),
        Scenario::new(1, "A1 A1 A2").late_calls(2),
        Scenario::new(1, "A1 A2 A1").late_calls(2),
        Scenario::new(1, "A1 A2 B1").top_up(1).twice(),
        Scenario::new(1, "A1 A1 B1").top_up(1),
        Scenario::new(1, "A1").asynchronous(1, 3),
        Scenario::new(1, "A1 A1").asynchronous(2, 2),
        Scenario::new(2, "A1 B1").asynchronous(1, 2),
        Scenario::new(1, "A1 B1").asynchronous(1, 2),
        Scenario::new(1, "A1 A1").asynchronous(1, 2),
        Scenario::new(1, "A1 A2").asynchronous(2, 2),
        Scenario::new(1, "A1 A1").asynchronous(2, 1).late_calls(1),
        Scenario::new(1, "A1").asynchronous(1, 2).top_up(1).twice(),
        Scenario::new(1, "A1 A1 B1").asynchronous(2, 1),
        Scenario::new(2, "A1 A1 B1").budget(1),
        Scenario::new(1, "A1 A1").asynchronous(2, 2).budget(1),
    ]
}
