//! The body of a generation.

use crate::generation::{answered, request};

/// The bytes are the body.
pub fn run(data: &[u8]) {
    let _ = answered(&request(data, None), 1);
}
