//! A double of AWS on one machine, for development and tests. Nothing that is deployed depends on it.
//!
//! | module | its double of |
//! | --- | --- |
//! | [`gateway`] | API Gateway: an HTTP API with routes, authorizers, CORS and limits |
//! | [`lambda`] | Lambda: functions in this process, as processes on a [`runtime_api`], or under AWS's emulator |
//! | [`invoke_api`] | Lambda's Invoke API, for the AWS CLI and SDKs |
//! | [`backends`] | DynamoDB and S3, embedded; and clients of other servers |
//! | [`tokens`] | an identity provider: signs access tokens |
//!
//! [`guard`] keeps foreign web pages away from all of them.

pub mod backends;
pub mod gateway;
pub mod guard;
pub mod invoke_api;
pub mod lambda;
pub mod tokens;

use common::net::{self, Trust};

/// An HTTP client for servers on this machine.
#[must_use]
pub fn http_client() -> reqwest::Client {
    net::builder(Trust::MozillaThenSystem).build().expect("constant settings are valid")
}
