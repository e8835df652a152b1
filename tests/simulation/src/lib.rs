//! The functions' own code in a simulated world: handlers, ledger and clients as they are deployed, on one thread, in
//! paused time. A seed decides which calls are lost, delayed and refused, which functions die, and what merchants do.
//! The auditor, which shares no code with the ledger, checks every response and every state of the tables.
//!
//! Nothing here is deployed.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`network`] | the one HTTP client of every function: where calls meet trouble |
//! | [`queue`] | fal's queue: jobs, and webhooks that are late, lost, repeated or forged |
//! | [`servers`] | DynamoDB (the embedded engine), S3 and fal, called without sockets |
//! | [`lambda`] | one invocation: the real handler, its time limit, and its death |
//! | [`world`] | all of these together, with a clock and a journal |
//!
//! Merchants and auditor are the [`kit`]'s.

pub mod lambda;
pub mod network;
pub mod preferences;
pub mod queue;
pub mod servers;
pub mod time;
pub mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use kit::merchants::{self, Day};
use tokio::time::sleep;

use crate::world::World;

/// What happened in a run, counted by name: calls, trouble, responses.
pub type Figures = BTreeMap<String, u64>;

/// A run that broke a promise.
#[derive(Debug)]
pub struct Failure {
    pub violations: Vec<String>,
    /// Everything that happened, in order, one line each.
    pub journal: Vec<String>,
}

/// How long the merchants of a world take to come: all at once, in a minute, or so slowly that leases pass meanwhile.
const DAYS: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(60), Duration::from_secs(240)];

/// A function's time limit, its lease after that, and the delay of requests that are still on their way.
const ALL_LEASES_HAVE_PASSED: Duration = Duration::from_secs(150);

/// Runs the world of `seed` to its end and audits it. The same seed runs the same way.
pub fn run(seed: u64) -> Result<Figures, Box<Failure>> {
    time::in_paused_time(async || {
        let world = World::new(seed).await;
        live(&world, seed).await;
        world.verdict()
    })
}

/// Everything that happens in the world of `seed`.
pub async fn live(world: &World, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let day = Day {
        merchants: rng.usize(1..=3),
        visits: rng.usize(3..=14),
        length: DAYS[rng.usize(0..DAYS.len())],
        keys: 3,
        payments: 3,
        longest_wait: Duration::from_secs(40),
    };
    world.trouble_at_random();
    world.heal_every_minute();
    merchants::live(world, &day, &mut rng).await;
    sleep(ALL_LEASES_HAVE_PASSED).await;
    world.recover();
    merchants::come_again(world).await;
}
