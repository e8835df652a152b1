//! The functions' own code in a simulated world: handlers, ledger and clients as they are deployed, on one thread,
//! in paused time, with a network that loses, delays and refuses what a seed says, and merchants who do what the
//! same seed says. An auditor who knows only the promises checks every answer and every state of the tables.
//!
//! Nothing here is deployed. What the world is made of:
//!
//! | module | what it is |
//! | --- | --- |
//! | [`network`] | the one HTTP client of every function: where the trouble happens |
//! | [`servers`] | DynamoDB (the embedded engine), S3 and fal, called without sockets |
//! | [`lambda`] | one invocation: the real handler, a time limit, and its death |
//! | [`world`] | all of it together, with its clock and its journal |
//! | [`merchants`] | who comes when, and wants what |
//! | [`auditor`] | what must be true, said without the ledger's code |

pub mod auditor;
pub mod lambda;
pub mod merchants;
pub mod network;
pub mod servers;
pub mod world;

use std::collections::BTreeMap;

/// What happened in a run, counted by its name: calls, troubles, answers.
pub type Figures = BTreeMap<String, u64>;

/// A run that broke a promise.
#[derive(Debug)]
pub struct Failure {
    /// What is not as promised, in words.
    pub violations: Vec<String>,
    /// Everything that happened, in order, one line each.
    pub journal: Vec<String>,
}

/// Runs the world of `seed` to its end and audits it. The same seed runs the same way.
///
/// # Errors
///
/// When a promise was broken.
pub fn run(seed: u64) -> Result<Figures, Box<Failure>> {
    world::in_paused_time(async || {
        let world = world::World::new(seed, network::Weather::Seeded(seed)).await;
        merchants::live(&world, seed).await;
        merchants::come_again(&world).await;
        world.verdict()
    })
}
