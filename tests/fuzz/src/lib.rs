//! Hostile input. Every target is a function of bytes that nobody vouches for, and panics where a promise is broken:
//! `cargo fuzz` looks for such bytes, and the tests replay what is in `corpus/`.
//!
//! | target | what the bytes are |
//! | --- | --- |
//! | [`request_body`] | the body of a generation |
//! | [`photo`] | an image field, and an image's bytes |
//! | [`idempotency_key`] | the header `Idempotency-Key` |
//! | [`fal_answer`] | what fal answers, call by call |
//! | [`http_event`] | the event that API Gateway sends, for every route |
//!
//! No input may bring about a panic, an answer that is no success and no well-formed problem, or a 500. What reaches
//! the coins runs in a [`simulation`] of its own, whose auditor has the last word.

pub mod answers;
pub mod bodies;
pub mod fal_answer;
pub mod generation;
pub mod http_event;
pub mod idempotency_key;
pub mod offline;
pub mod photo;
pub mod request_body;

/// A target's name, which is its corpus folder's too, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 5] = [
    ("request_body", request_body::run),
    ("photo", photo::run),
    ("idempotency_key", idempotency_key::run),
    ("fal_answer", fal_answer::run),
    ("http_event", http_event::run),
];
