//! `GET /api/coin-balance`: what the caller has and can spend.

use common::api::{self, Caller, Problem};
use common::aws::DynamoDb;
use common::coins::Ledger;
use common::config::{self, ConfigError, Tables};
use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde_json::json;

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
    /// Where the coins are.
    pub tables: Tables,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self {
            log_level: config::log_level(settings),
            tables: Tables::of_profiles(settings),
        })
    }
}

/// The function.
#[derive(Debug)]
pub struct CoinBalance {
    ledger: Ledger,
}

impl CoinBalance {
    /// Reads the coins through `dynamodb`.
    pub fn new(config: Config, dynamodb: DynamoDb) -> Self {
        Self { ledger: Ledger::new(dynamodb, config.tables) }
    }

    /// Answers one request, which arrived at `now`.
    pub async fn handle(&self, request: Request, now: Timestamp) -> Response<Body> {
        api::answer(&request, self.balance(&request, now)).await
    }

    async fn balance(&self, request: &Request, now: Timestamp) -> Result<Response<Body>, Problem> {
        api::expect_route(request, Method::GET, "/api/coin-balance")?;
        let caller = Caller::of(request, now)?;
        let balance = self.ledger.balance(&caller.user_id, caller.now).await?;
        api::ok(&json!({
            "user_id": caller.user_id,
            "coins_balance": balance.settled,
            "coins_available": balance.available,
        }))
    }
}
