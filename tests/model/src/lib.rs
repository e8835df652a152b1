//! The coin protocol as a state machine, and a search that checks every state it can reach.
//!
//! Three requests of one user and a payment run at once; a [`scenario`] defines their keys, bodies and
//! prices. Any call may be lost, be applied with its reply lost, be sent again with its request token
//! remembered or forgotten, or arrive long after its sender gave up. fal delivers or fails. A lease may end
//! at any moment. Any process may stop for ever, anywhere.
//!
//! Or some requests are asynchronous: each submits two jobs to fal and responds. Webhooks, pulls and the
//! minute function bring the results, in any order and any number of times.
//!
//! The [`search`] visits every state and checks the [`invariants`] in each. The [`flaws`] show that it
//! notices every condition that is missing.
//!
//! Read [`state`] first, then [`transitions`] (what the tables do), [`processes`] (what their callers do) and
//! [`steps`] (what happens to the calls between them); then [`jobs`] and [`workers`], which are asynchronous.
//!
//! The search is our own. stateright 0.31 needs the same time, but it adds forty crates, keeps 64-bit hashes
//! in place of states, and checks states only: "a response is true when it is sent" and every
//! [observation](observations) are about a step, so each state would have to carry its past.

pub mod flaws;
pub mod invariants;
pub mod jobs;
pub mod observations;
pub mod processes;
pub mod scenario;
pub mod search;
pub mod state;
pub mod steps;
pub mod transitions;
pub mod workers;

pub use flaws::Flaw;
pub use invariants::Invariant;
pub use observations::Observation;
pub use scenario::Scenario;
pub use search::Explored;
pub use steps::Model;
