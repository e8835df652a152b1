//! Hostile input. Every target is a function of arbitrary bytes that panics where a promise is broken. `cargo fuzz` looks
//! for such bytes, and the tests replay the files in `corpus/`.
//!
//! | target | what the bytes are |
//! | --- | --- |
//! | [`request_body`] | the body of a generation |
//! | [`photo`] | an image field, and an image's bytes |
//! | [`idempotency_key`] | the header `Idempotency-Key` |
//! | [`fal_response`] | fal's responses, call by call |
//! | [`http_event`] | the event that API Gateway sends, for every route |
//! | [`webhook`] | what comes to the address of fal's webhooks |
//!
//! Every input must get a success or a well-formed problem, without a panic and without a 500. A request that reaches the
//! coins runs in a [`simulation`] of its own, and the auditor checks its end.

pub mod bodies;
pub mod fal_response;
pub mod generation;
pub mod http_event;
pub mod idempotency_key;
pub mod offline;
pub mod photo;
pub mod request_body;
pub mod responses;
pub mod webhook;

/// A target's name, which is also its corpus folder's, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 6] = [
    ("request_body", request_body::run),
    ("photo", photo::run),
    ("idempotency_key", idempotency_key::run),
    ("fal_response", fal_response::run),
    ("http_event", http_event::run),
    ("webhook", webhook::run),
];
