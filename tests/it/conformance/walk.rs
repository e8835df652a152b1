//! One user's calls, made of the ledger and of the model alike.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use common::coins::Coins;
use common::generations::{Generation, Job, Mode, PhotoCount, Status};
use common::idempotency::IdempotencyKey;
use common::identity::UserId;
use common::ids::{AttemptId, GenerationId};
use common::ledger::{Hold, HoldOutcome, HoldRefused, Ledger, Released, SettleRefused, TopUp, TopUps};
use common::tables::Tables;
use jiff::{SignedDuration, Timestamp};
use model::state::{ATTEMPTS, Answer, At, Attempt, Attempts, Items, Reason, Who};
use model::{Model, Scenario};

use super::tables;

/// How long a lease is. The first attempt's ends first.
const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// A user of the ledger, and what the model makes of it.
pub struct Walk<'p> {
    client: &'p Client,
    tables: Tables,
    ledger: Ledger,
    model: Model,
    user: UserId,
    /// What each attempt would store.
    pub attempts: Vec<Generation>,
    /// The time of the next call.
    now: Timestamp,
    /// What the model has stored.
    pub items: Items,
    /// What was called so far.
    pub calls: Vec<String>,
    /// What came of it, without the numbers.
    pub outcomes: BTreeSet<String>,
}

impl<'p> Walk<'p> {
    pub async fn begin(client: &'p Client, tables: Tables, seed: u64, scenario: Scenario) -> Self {
        let user = UserId::parse(&format!("walker-{seed}")).expect("a user id");
        let began = Timestamp::from_millisecond(1_790_000_000_000).expect("in range");
        let attempts = Attempt::all().map(|attempt| pending(&user, &scenario, attempt, began)).collect();
        let (model, items) = (Model::new(scenario), scenario.start().items);
        if let Some(coins) = scenario.opening {
            tables::import(client, &tables, &user, coins).await;
        }
        let ledger = Ledger::new(client.clone(), tables.clone());
        Self {
            client,
            tables,
            ledger,
            model,
            user,
            attempts,
            now: began,
            items,
            calls: Vec::new(),
            outcomes: BTreeSet::new(),
        }
    }

    /// What is stored, in the model's terms.
    pub async fn stored(&self) -> Items {
        tables::read(self.client, &self.tables, &self.user, &self.attempts, &self.model.scenario).await
    }

    /// Calls something, whether or not a request would do so now.
    pub async fn any_call(&mut self, random: &mut fastrand::Rng) {
        let attempt = Attempt(random.u8(0..ATTEMPTS as u8));
        let (call, who) = match random.u8(0..10) {
            0..4 => ("hold", Who::Request(attempt)),
            4..6 => ("settle", Who::Request(attempt)),
            6..8 => ("release", Who::Request(attempt)),
            8 => ("top up", Who::TopUp(0)),
            _ => ("time passes", Who::Request(attempt)),
        };
        self.calls.push(format!("{who}: {call}"));
        let (ledger, model) = match (call, who) {
            ("hold", _) => self.hold(attempt).await,
            ("settle", _) => self.settle(attempt, random.bool().then(|| random.i8(0..6))).await,
            ("release", _) => self.release(attempt).await,
            ("top up", _) => self.top_up().await,
            _ => return self.now += LEASE / 2,
        };
        let numbers = |char: char| char.is_ascii_digit() || "()".contains(char);
        self.outcomes.insert(format!("{ledger:?}").trim_end_matches(numbers).to_owned());
        assert_eq!(ledger, model, "{} {:#?}", self.model.scenario, self.calls);
    }

    /// The attempts whose lease has passed by now.
    fn lapsed(&self) -> Attempts {
        let mut lapsed = Attempts::default();
        for attempt in Attempt::all() {
            if Hold::of(&self.attempts[attempt.index()]).is_expired(self.now) {
                lapsed.add(attempt);
            }
        }
        lapsed
    }

    async fn hold(&mut self, attempt: Attempt) -> (At, At) {
        let pending = &self.attempts[attempt.index()];
        let at = match self.ledger.hold(pending, self.now).await {
            Ok(HoldOutcome::Held(_)) => At::AskFal(None),
            Ok(HoldOutcome::Replay(found)) => At::Done(Answer::Replayed(remaining(&found))),
            Err(HoldRefused::InsufficientCoins { .. }) => At::Done(Answer::InsufficientCoins),
            Err(HoldRefused::TooManyGenerations) => At::Done(Answer::TooManyGenerations),
            Err(HoldRefused::InProgress) => At::Done(Answer::InProgress),
            Err(HoldRefused::KeyReused) => At::Done(Answer::KeyReused),
            // It gives up after some rounds.
            Err(HoldRefused::Unavailable(_)) => At::Hold,
        };
        let (who, lapsed) = (Who::Request(attempt), self.lapsed());
        (at, self.model.undisturbed(&mut self.items, lapsed, who, At::Hold))
    }

    async fn settle(&mut self, attempt: Attempt, seen: Option<i8>) -> (At, At) {
        let hold = Hold::of(&self.attempts[attempt.index()]);
        let images = ["https://example.com/1.png".to_owned(), "https://example.com/2.png".to_owned()];
        let before = seen.map(|coins| Coins::new(u64::from(coins.unsigned_abs())));
        let at = match self.ledger.settle(&hold, &images, before, self.now).await {
            Ok(coins) => At::Done(Answer::Delivered(tables::small(coins))),
            Err(SettleRefused::LeaseLost) => At::Done(Answer::LeaseLost),
            Err(SettleRefused::Unavailable(_)) => At::Release(Reason::LostSettle),
        };
        let (who, lapsed) = (Who::Request(attempt), self.lapsed());
        let mut modelled = self.model.after_fal(attempt, seen);
        while let At::Settle(_) = modelled {
            let next = self.model.after_call(&mut self.items, lapsed, who, modelled);
            modelled = next.expect("a settle has a call");
        }
        (at, modelled)
    }

    async fn release(&mut self, attempt: Attempt) -> (At, At) {
        let hold = Hold::of(&self.attempts[attempt.index()]);
        let at = match self.ledger.release(&hold, "fal_failed", self.now).await.expect("a decision") {
            Released::GivenBack => At::Done(Answer::TryAgain),
            Released::WasSettled(found) => At::Done(Answer::Delivered(remaining(&found))),
        };
        let (who, lapsed) = (Who::Request(attempt), self.lapsed());
        let modelled = self.model.undisturbed(&mut self.items, lapsed, who, At::Release(Reason::LostSettle));
        (at, modelled)
    }

    async fn top_up(&mut self) -> (At, At) {
        let (number, coins) = (0, 2);
        let reference = format!("payment of {}", self.user);
        let (profiles, ledger) = (self.tables.profiles.clone(), self.tables.ledger.clone());
        let top_ups = TopUps::new(self.client.clone(), profiles, ledger);
        let top_up = TopUp { user_id: self.user.clone(), coins: Coins::new(coins), reference };
        let balance = top_ups.credit(&top_up, self.now).await.expect("credited");
        let (who, lapsed, at) = (Who::TopUp(number), self.lapsed(), At::TopUp(self.items.profile.balance));
        let modelled = self.model.undisturbed(&mut self.items, lapsed, who, at);
        (At::Done(Answer::Credited(tables::small(balance))), modelled)
    }
}

fn remaining(found: &Generation) -> i8 {
    tables::small(found.remaining_coins.expect("a paid generation says what remained"))
}

/// What an attempt would store. One whose key nobody shares still has one.
fn pending(user: &UserId, scenario: &Scenario, attempt: Attempt, began: Timestamp) -> Generation {
    let (plan, order) = (scenario.plan(attempt), i32::from(attempt.0));
    let key = IdempotencyKey::parse(&format!("key-{}", plan.key)).expect("a key");
    Generation {
        user_id: user.clone(),
        generation_id: GenerationId::for_key(user, &key),
        attempt_id: AttemptId::random(),
        body_hash: format!("body-{}", plan.body),
        status: Status::Pending,
        lease_until: began + LEASE * (order + 1),
        coins: Coins::new(plan.coins.unsigned_abs().into()),
        created_at: began + SignedDuration::from_secs(order.into()),
        job: Job {
            mode: Mode::TextToImage,
            model: "fal-ai/flux/schnell".to_owned(),
            prompt: "a bag".to_owned(),
            photos: PhotoCount::default(),
            dropped_inputs: Vec::new(),
            payload: serde_json::json!({"prompt": "a bag"}),
        },
        images: Vec::new(),
        remaining_coins: None,
        error_code: None,
    }
}
