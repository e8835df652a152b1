//! Who wants what: the part of the world that does not change.

use std::fmt;

use crate::state::{
    ATTEMPTS, At, Attempt, Attempts, Coins, Items, Process, Profile, REQUESTS, STRAGGLERS, State, TOP_UPS,
};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Which generation: two requests have the same if they bring the same Idempotency-Key.
    pub key: usize,
    /// Which body.
    pub body: u8,
    /// The price of a batch, as the request's function was configured.
    pub coins: Coins,
}

/// A payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// Its own id.
    pub reference: usize,
    /// How many coins it is worth.
    pub coins: Coins,
}

/// A user with requests and payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// The settled coins at first, or nothing if there is no row.
    pub opening: Option<Coins>,
    /// The requests, by attempt; the last is the visitor's.
    pub plans: [Plan; ATTEMPTS],
    /// The payments, by number of the top-up.
    pub payments: [Option<Payment>; TOP_UPS],
    /// Most generations of the user that run at the same time.
    pub most_holds: usize,
    /// Most calls at once that arrive after their senders gave them up.
    pub stragglers: usize,
}

impl Scenario {
    /// Requests at a price of one coin: `"A1 A2 B1"` are two with one key and different bodies, and one with
    /// another key. No payment, one straggler.
    pub fn of(opening: Coins, requests: &str) -> Self {
        let mut plans = [Plan { key: REQUESTS, body: 0, coins: 1 }; ATTEMPTS];
        let words = requests.split_whitespace().map(str::as_bytes);
        for (plan, word) in plans.iter_mut().zip(words) {
            let [key, body] = word else { panic!("{word:?} is not a key and a body") };
            (plan.key, plan.body) = (usize::from(key - b'A'), body - b'0');
        }
        Self { opening: Some(opening), plans, payments: [None; TOP_UPS], most_holds: 4, stragglers: 1 }
    }

    /// With these prices.
    pub fn prices(mut self, prices: [Coins; REQUESTS]) -> Self {
        for (plan, price) in self.plans.iter_mut().zip(prices) {
            plan.coins = price;
        }
        self
    }

    /// With one payment, invoked once.
    pub fn top_up(mut self, coins: Coins) -> Self {
        self.payments[0] = Some(Payment { reference: 0, coins });
        self
    }

    /// With the payment invoked twice at once.
    pub fn twice(mut self) -> Self {
        self.payments[1] = self.payments[0];
        self
    }

    /// With no row at first: the user never had a coin.
    pub fn new_user(mut self) -> Self {
        self.opening = None;
        self
    }

    /// With room for so many holds.
    pub fn most_holds(mut self, most: usize) -> Self {
        self.most_holds = most;
        self
    }

    /// With so many stragglers at once.
    pub fn stragglers(mut self, most: usize) -> Self {
        assert!(most <= STRAGGLERS, "a state has no more places");
        self.stragglers = most;
        self
    }

    /// What this attempt asks for.
    pub fn plan(&self, attempt: Attempt) -> Plan {
        self.plans[attempt.index()]
    }

    /// What this top-up brings.
    pub fn payment(&self, number: u8) -> Option<Payment> {
        self.payments[usize::from(number)]
    }

    /// Before anything has happened. The row is an imported one, without what is available: the first hold or
    /// top-up writes that, so both kinds of rows are met.
    pub fn start(&self) -> State {
        let profile = Profile { balance: self.opening, ..Profile::default() };
        let top_up = |payment: Option<Payment>| match payment {
            Some(_) => Process::new(At::ReadBalance),
            None => Process::new(At::Absent),
        };
        State {
            items: Items { profile, ..Items::default() },
            lapsed: Attempts::default(),
            requests: [Process::new(At::Hold); REQUESTS],
            top_ups: self.payments.map(top_up),
            stragglers: [None; STRAGGLERS],
        }
    }
}

/// "A1 A1 B2 at 1 1 3 coins, of 2 and a payment of 1, at most 4 at once, 1 straggler".
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plans = &self.plans[..REQUESTS];
        for Plan { key, body, .. } in plans {
            let key = ('A'..).nth(*key).unwrap_or('?');
            write!(f, "{key}{body} ")?;
        }
        f.write_str("at")?;
        for plan in plans {
            write!(f, " {}", plan.coins)?;
        }
        match self.opening {
            Some(coins) => write!(f, " of {coins}")?,
            None => f.write_str(", a new user")?,
        }
        match self.payments {
            [Some(payment), None] => write!(f, ", a payment of {}", payment.coins)?,
            [Some(payment), _] => write!(f, ", a payment of {} twice", payment.coins)?,
            [None, _] => {}
        }
        write!(f, "; {} at once, {} stragglers", self.most_holds, self.stragglers)
    }
}

/// A few seconds' worth: every way to share keys and bodies among three requests, and everything that can happen
/// to them somewhere.
pub fn small() -> Vec<Scenario> {
    vec![
        Scenario::of(1, "A1 A1 A1"),
        Scenario::of(1, "A1 A1 A2"),
        Scenario::of(1, "A1 A2 A1"),
        Scenario::of(1, "A2 A1 A1"),
        Scenario::of(1, "A1 A1 B1").top_up(1).stragglers(0),
        Scenario::of(1, "A1 A2 B1"),
        Scenario::of(2, "A1 B1 C1").most_holds(1).stragglers(0),
        Scenario::of(3, "A1 B1 C1").stragglers(0),
        Scenario::of(2, "A1 A1 B1").prices([1, 1, 2]).stragglers(0),
        Scenario::of(2, "A1 A1 B1").prices([2, 1, 1]).stragglers(0),
        Scenario::of(1, "A1 A1 A2").top_up(2).twice().stragglers(0),
        Scenario::of(0, "A1 A2 B1").new_user().top_up(1).twice().stragglers(0),
    ]
}

/// Some minutes' and gigabytes' worth.
pub fn large() -> Vec<Scenario> {
    vec![
        Scenario::of(2, "A1 A1 A1").top_up(1).stragglers(0),
        Scenario::of(2, "A1 A1 B1").top_up(1).stragglers(0),
        Scenario::of(2, "A1 B1 C1").top_up(1).stragglers(0),
        Scenario::of(3, "A1 A1 B1").prices([1, 2, 2]).top_up(2).stragglers(0),
        Scenario::of(2, "A1 A1 B1").prices([1, 2, 1]),
        Scenario::of(2, "A1 B1 C1").most_holds(1),
        Scenario::of(2, "A1 B1 C1"),
        Scenario::of(1, "A1 A1 A2").stragglers(2),
        Scenario::of(1, "A1 A2 A1").stragglers(2),
        Scenario::of(1, "A1 A2 B1").top_up(1).twice(),
        Scenario::of(1, "A1 A1 B1").top_up(1),
    ]
}
