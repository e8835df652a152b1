//! A double of AWS: API Gateway, Lambda with its Invoke and Runtime APIs, DynamoDB, S3, and an issuer of tokens.
//!
//! Nothing that is deployed depends on this crate.

pub mod backends;
pub mod gateway;
pub mod guard;
pub mod invoke_api;
pub mod lambda;
pub mod tokens;

use common::net::{self, Trust};

/// A client for servers on this machine.
#[must_use]
pub fn http_client() -> reqwest::Client {
    net::builder(Trust::MozillaThenSystem).build().expect("constant settings are valid")
}
