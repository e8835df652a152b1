//! The prompt: a merchant's options, in Indonesian or English, turned into one English sentence for fal.
//!
//! Nothing here does I/O.

mod builder;
pub mod labels;
mod options;

pub use builder::build;
pub use options::{ContentType, MAX_ADDITIONAL_CHARS, MAX_OPTION_CHARS, Options};

/// Longest prompt that is sent, in characters; the models read only the first few hundred words.
pub const MAX_PROMPT_CHARS: usize = 5_000;
