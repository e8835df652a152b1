//! What the tests, the simulation and the fuzz targets share. It builds without the local stack and the doubles.
//!
//! | module | what it has |
//! | --- | --- |
//! | [`events`] | events of the HTTP API |
//! | [`records`] | records of pending generations |
//! | [`trouble`] | what can go wrong with a call, and which calls it happens to |
//! | [`merchants`] | merchants who want batches, pay, and repeat what failed |
//! | [`auditor`] | checks of every response and of the tables, written from the promises |

pub mod auditor;
pub mod events;
pub mod merchants;
pub mod records;
pub mod trouble;
