//! One user's calls, made to the ledger and to the model.

pub mod queued;

use std::collections::BTreeSet;
use std::fmt::Debug;

use common::coins::Coins;
use common::generations::Generation;
use common::idempotency::IdempotencyKey;
use common::identity::UserId;
use common::ids::GenerationId;
use common::ledger::{
    Failure, FailureBudget, Hold, HoldOutcome, HoldRefused, Ledger, Payment, Payments, Released,
    SettleRefused,
};
use jiff::{SignedDuration, Timestamp};
use kit::records;
use model::state::{ATTEMPTS, Actor, Attempt, Attempts, Items, Reason, Response, Stage, State};
use model::{Model, Scenario};
use serde_json::json;

use super::tables;
use crate::harness::Potret;

/// How long a lease is. The first attempt's ends first.
const LEASE: SignedDuration = SignedDuration::from_mins(10);

/// A user of the ledger, and the same user in the model.
pub struct Walk<'p> {
    potret: &'p Potret,
    ledger: Ledger,
    model: Model,
    user: UserId,
    /// What each attempt stores when it begins.
    pub attempts: Vec<Generation>,
    /// The time of the next call.
    now: Timestamp,
    /// The model's state.
    pub state: State,
    pub calls: Vec<String>,
    /// The outcomes of the calls, without the numbers.
    pub outcomes: BTreeSet<String>,
}

impl<'p> Walk<'p> {
    pub async fn begin(potret: &'p Potret, seed: u64, scenario: Scenario) -> Self {
        let user = UserId::parse(&format!("walker-{seed}")).expect("a user id");
        let began = Timestamp::from_millisecond(1_790_000_000_000).expect("in range");
        let attempts = Attempt::all().map(|attempt| pending(&user, &scenario, attempt, began)).collect();
        let (model, state) = (Model::new(scenario), scenario.start());
        if let Some(coins) = scenario.opening_balance {
            // A user who had coins before there was a ledger.
            let profile = json!({"user_id": user.as_str(), "coins_balance": coins});
            potret.put(potret.tables().profiles.name(), profile).await;
        }
        Self {
            potret,
            ledger: potret.ledger().with_budget(FailureBudget::of(scenario.budget.expect("a budget"))),
            model,
            user,
            attempts,
            now: began,
            state,
            calls: Vec::new(),
            outcomes: BTreeSet::new(),
        }
    }

    /// What is stored, in the model's terms.
    pub async fn stored(&self) -> Items {
        tables::read(&self.potret.snapshot().await, &self.user, &self.attempts, &self.model.scenario)
    }

    /// Calls something, whether or not a request would do so now.
    pub async fn any_call(&mut self, random: &mut fastrand::Rng) {
        let any = Attempt(random.u8(0..ATTEMPTS as u8));
        // A running batch gets more than its share, or few would see a second picture.
        let attempt = self.model.running(&self.state.items).filter(|_| random.bool()).unwrap_or(any);
        if self.is_asynchronous(attempt) && random.u8(0..3) > 0 {
            return self.any_queued_call(attempt, random).await;
        }
        let (call, actor) = match random.u8(0..10) {
            0..4 => ("hold", Actor::Request(attempt)),
            4..6 => ("settle", Actor::Request(attempt)),
            6..8 => ("release", Actor::Request(attempt)),
            8 => ("top up", Actor::TopUp(0)),
            _ => ("time passes", Actor::Request(attempt)),
        };
        self.calls.push(format!("{actor}: {call}"));
        self.state.lapsed = self.lapsed();
        let outcomes = match (call, actor) {
            ("hold", _) => self.hold(attempt).await,
            ("settle", _) if self.is_asynchronous(attempt) => self.settle_queued(attempt, random).await,
            ("settle", _) => self.settle(attempt, random.bool().then(|| random.i8(0..6))).await,
            ("release", _) => self.release(attempt, random.bool()).await,
            ("top up", _) => self.top_up().await,
            _ => return self.now += LEASE / 2,
        };
        self.compare(outcomes);
    }

    /// Compares the outcomes of a call, the ledger's and the model's.
    fn compare<T: Debug + PartialEq>(&mut self, (ledger, model): (T, T)) {
        let outcome = format!("{ledger:?}");
        let end = outcome.find(|char: char| char.is_ascii_digit() || char == '[').unwrap_or(outcome.len());
        self.outcomes.insert(outcome[..end].trim_end_matches(['(', ')']).to_owned());
        assert_eq!(ledger, model, "{} {:#?}", self.model.scenario, self.calls);
    }

    fn is_asynchronous(&self, attempt: Attempt) -> bool {
        self.model.scenario.request(attempt).asynchronous
    }

    /// The attempts whose lease has passed.
    fn lapsed(&self) -> Attempts {
        let mut lapsed = Attempts::default();
        for attempt in Attempt::all() {
            if Hold::of(&self.attempts[attempt.index()]).is_expired(self.now) {
                lapsed.insert(attempt);
            }
        }
        lapsed
    }

    async fn hold(&mut self, attempt: Attempt) -> (Stage, Stage) {
        let pending = &self.attempts[attempt.index()];
        let at = match self.ledger.hold(pending, self.now).await {
            Ok(HoldOutcome::Held(_)) => self.model.after_held(attempt),
            Ok(HoldOutcome::Replay(found)) => Stage::Done(Response::Replayed(remaining(&found))),
            Err(HoldRefused::InsufficientCoins { .. }) => Stage::Done(Response::InsufficientCoins),
            Err(HoldRefused::TooManyGenerations) => Stage::Done(Response::TooManyGenerations),
            Err(HoldRefused::TooManyFailures { .. }) => Stage::Done(Response::TooManyFailures),
            Err(HoldRefused::InProgress(_)) => Stage::Done(Response::InProgress),
            Err(HoldRefused::KeyReused) => Stage::Done(Response::KeyReused),
            // The ledger gives up after some tries.
            Err(HoldRefused::Unavailable(_)) => Stage::Hold,
        };
        (at, self.model.run_alone(&mut self.state, Actor::Request(attempt), Stage::Hold))
    }

    async fn settle(&mut self, attempt: Attempt, seen: Option<i8>) -> (Stage, Stage) {
        let hold = Hold::of(&self.attempts[attempt.index()]);
        let before = seen.map(|coins| Coins::new(u64::from(coins.unsigned_abs())));
        let at = match self.ledger.settle(&hold, &records::images(), before, self.now).await {
            Ok(coins) => Stage::Done(Response::Delivered(tables::small(coins))),
            Err(SettleRefused::LeaseLost) => Stage::Done(Response::LeaseLost),
            Err(SettleRefused::Unavailable(_)) => Stage::Release(Reason::LostSettle),
        };
        let mut modelled = self.model.after_fal(attempt, seen);
        while let Stage::Settle(_) = modelled {
            let next = self.model.after_call(&mut self.state, Actor::Request(attempt), modelled);
            modelled = next.expect("a settle has a call");
        }
        (at, modelled)
    }

    async fn release(&mut self, attempt: Attempt, may_be_billed: bool) -> (Stage, Stage) {
        let hold = Hold::of(&self.attempts[attempt.index()]);
        let failure = Failure { code: "image_provider_failed", may_be_billed };
        let at = match self.ledger.release(&hold, failure, self.now).await.expect("a decision") {
            _ if may_be_billed => Stage::Done(Response::Failed),
            Released::GivenBack => Stage::Done(Response::TryAgain),
            Released::WasSettled(found) => Stage::Done(Response::Delivered(remaining(&found))),
        };
        let reason = if may_be_billed { Reason::Failure } else { Reason::LostSettle };
        let at_release = Stage::Release(reason);
        let modelled = self.model.run_alone(&mut self.state, Actor::Request(attempt), at_release);
        (at, modelled)
    }

    async fn top_up(&mut self) -> (Stage, Stage) {
        let (number, coins) = (0, 2);
        let reference = format!("payment of {}", self.user);
        let tables = self.potret.tables();
        let client = self.potret.dynamodb();
        let payments = Payments::new(client, tables.profiles, tables.ledger);
        let payment = Payment { user_id: self.user.clone(), coins: Coins::new(coins), reference };
        let balance = payments.credit(&payment, self.now).await.expect("credited").coins_balance;
        let at_top_up = Stage::TopUp(self.state.items.profile.balance);
        let modelled = self.model.run_alone(&mut self.state, Actor::TopUp(number), at_top_up);
        (Stage::Done(Response::Credited(tables::small(balance))), modelled)
    }
}

fn remaining(found: &Generation) -> i8 {
    tables::small(found.remaining_coins.expect("a paid generation says what remained"))
}

/// What an attempt stores when it begins. Every attempt has a key, shared or not.
fn pending(user: &UserId, scenario: &Scenario, attempt: Attempt, began: Timestamp) -> Generation {
    let (request, order) = (scenario.request(attempt), i32::from(attempt.0));
    let key = IdempotencyKey::parse(&format!("key-{}", request.key)).expect("a key");
    let created_at = began + SignedDuration::from_secs(order.into());
    Generation {
        generation_id: GenerationId::for_key(user, &key),
        body_hash: format!("body-{}", request.body),
        lease_until: began + LEASE * (order + 1),
        coins: Coins::new(request.price.unsigned_abs().into()),
        token_hashes: request.asynchronous.then(Default::default),
        queued: request.asynchronous.then(Default::default),
        check_at: request.asynchronous.then(|| queued::turn(false)),
        ..records::pending(user.as_str(), created_at)
    }
}
