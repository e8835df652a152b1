//! What the Lambda functions share, on floors: a module uses only what is below it, or beside it.
//!
//! - roof: [`api`], the one place that knows HTTP status codes; [`events`], for functions without HTTP;
//! - [`ledger`] and [`uploads`];
//! - [`fal`], [`generations`], [`issuer`], and [`function`], which starts them all;
//! - [`secrets`];
//! - [`aws`], [`invocation`], [`logs`], [`prompt`], [`tables`];
//! - ground: settings, ids, numbers, and the checks of what comes from outside.
//!
//! Every module is a noun with its domain type and its adapter. The steps of an endpoint live in that
//! endpoint's crate.

pub mod api;
pub mod aws;
pub mod batches;
pub mod coins;
pub mod events;
pub mod fal;
pub mod function;
pub mod generations;
pub mod idempotency;
pub mod identity;
pub mod ids;
pub mod invocation;
pub mod issuer;
pub mod key_set;
pub mod ledger;
pub mod logs;
pub mod metrics;
pub mod net;
pub mod photos;
pub mod prompt;
pub mod redaction;
pub mod s3;
pub mod secrets;
pub mod settings;
pub mod tables;
pub mod timestamps;
pub mod uploads;
pub mod validation;
