//! The demo users, and tokens for any user of a local stack.

use aws_double::tokens::SigningKey;
use sam_template::JwtSpec;

/// Has [`COINS`] coins and nothing else.
pub const USER: &str = "demo";

/// Started with as many coins and has generated once.
pub const RETURNING_USER: &str = "demo-returning";

/// What every demo user starts with.
pub const COINS: u64 = 10;

const TOKEN_SECONDS: u32 = 30 * 24 * 60 * 60;

/// A bearer token for `user`, signed with the stack's key and valid for 30 days.
///
/// # Errors
///
/// When it cannot be signed.
pub fn token(key: &SigningKey, user: &str) -> anyhow::Result<String> {
    key.issue(user, &JwtSpec::local(), TOKEN_SECONDS)
}
