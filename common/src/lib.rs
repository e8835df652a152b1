//! What the Lambda functions share: the coin ledger, the fal client, the prompt builder, photos and
//! uploads, configuration, and the one place that knows HTTP status codes.
//!
//! Every module is a noun with its domain type and its adapter. The steps of an endpoint live in that
//! endpoint's own crate.

pub mod api;
pub mod aws;
pub mod coins;
pub mod config;
pub mod cursors;
pub mod fal;
pub mod generations;
pub mod idempotency;
pub mod identity;
pub mod invocation;
pub mod logs;
pub mod metrics;
pub mod net;
pub mod photos;
pub mod prompt;
pub mod secrets;
pub mod timestamps;
pub mod uploads;
pub mod validation;
