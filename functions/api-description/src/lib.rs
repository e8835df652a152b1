//! `GET /api/openapi.json`: what this API is, for whoever writes a client.

use std::time::Duration;

use common::api::{self, Problem};
use common::config::{self, ConfigError};
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};

/// `openapi.yaml` as JSON.
pub const DESCRIPTION: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// How long anybody may keep it. It changes with a deployment; afterwards the ETag tells.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self { log_level: config::log_level(settings) })
    }
}

/// The function. It has no state.
#[derive(Debug, Default)]
pub struct ApiDescription;

impl ApiDescription {
    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        api::answer(&request, async { describe(&request) }).await
    }
}

fn describe(request: &Request) -> Result<Response<Body>, Problem> {
    api::expect_route(request, Method::GET, "/api/openapi.json")?;
    api::public_json(request, DESCRIPTION.to_owned(), MAX_AGE)
}
