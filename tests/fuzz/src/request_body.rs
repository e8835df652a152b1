//! The body of a generation.

use crate::generation::{last_response, request};

/// The bytes are the body.
pub fn run(data: &[u8]) {
    let _ = last_response(&request(data, None), 1);
}
