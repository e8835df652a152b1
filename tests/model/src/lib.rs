//! The coin protocol as a state machine, and every state that it can reach, checked.
//!
//! Three requests of one user, with keys and bodies as a [`scenario`] says, and a payment, are let loose on the
//! tables. Any of their calls may be lost, be applied with its reply lost, be repeated with or without its request
//! token being remembered, or arrive long after it was given up. fal delivers or fails. A lease passes at any
//! moment, whatever its request is doing. Any of them may stop for ever anywhere. The [`search`] goes through all
//! of it and checks the [`invariants`] in every state; the [`flaws`] show that each of them can fail.
//!
//! Read [`state`] for what there is, [`transitions`] for what the tables do, [`requests`] for what their callers
//! do, and [`steps`] for what happens to the calls between them.
//!
//! The search is our own and not stateright's because it is sixty lines, because it keeps the states themselves
//! and not 64-bit hashes of them, and because a promise about a step ("an answer is true when it is given") is
//! one that stateright, whose properties are about states, cannot check without making the past a part of every
//! state.

pub mod flaws;
pub mod invariants;
pub mod requests;
pub mod scenario;
pub mod search;
mod sentences;
pub mod sights;
pub mod state;
pub mod steps;
pub mod transitions;

pub use flaws::Flaw;
pub use invariants::Invariant;
pub use scenario::Scenario;
pub use search::Explored;
pub use sights::Sight;
pub use steps::Model;
