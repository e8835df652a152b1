//! authorizer: tells API Gateway whether a request's access token is good, and whose it is.
//!
//! It takes the place of the JWT authorizer that API Gateway has built in, which knows RSA signatures only.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

mod jwks;
mod key;
#[cfg(test)]
mod tests;
mod token;

use common::config::{self, ConfigError, JwtSecret, TokensConfig};
use common::identity::UserId;
use common::net::HttpClient;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::Instrument;

use jwks::Jwks;
use key::Key;
use token::{Refused, Rules};

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
    /// Whose tokens are taken.
    pub tokens: TokensConfig,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self {
            log_level: config::log_level(settings),
            tokens: TokensConfig::load(settings),
        })
    }
}

/// What of API Gateway's question matters, in payload format 2.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The `Authorization` header, as the template's identity source names it.
    #[serde(default)]
    identity_source: Vec<String>,
}

/// What API Gateway is told: a simple response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Whether the request may go on to its function.
    pub is_authorized: bool,
    /// Whose it is, for that function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// What the functions find in `requestContext.authorizer.lambda`.
#[derive(Debug, Serialize)]
pub struct Context {
    /// The user.
    pub sub: UserId,
}

/// Neither yes nor no. The name of the variant is the error type that API Gateway sees, which answers 500.
#[derive(Debug, Error)]
pub enum AuthorizerError {
    /// The issuer's keys were never seen and cannot be fetched now.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
}

impl From<AuthorizerError> for Diagnostic {
    fn from(error: AuthorizerError) -> Self {
        let error_type = match error {
            AuthorizerError::KeysUnavailable => "KeysUnavailable",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// The function.
pub struct Authorizer {
    rules: Rules,
    jwks: Jwks,
    secret: Option<Key>,
}

impl Authorizer {
    /// Fetches the issuer's keys through `http`, the first time that a token needs one.
    pub fn new(config: Config, secret: Option<&JwtSecret>, http: HttpClient) -> Self {
        let TokensConfig { issuer, audience, jwks_url, .. } = config.tokens;
        Self {
            rules: Rules { issuer, audience },
            jwks: Jwks::new(http, jwks_url),
            secret: secret.map(Key::of_secret),
        }
    }

    /// Answers one question.
    pub async fn handle(&self, event: LambdaEvent<Event>) -> Result<Answer, AuthorizerError> {
        let span = tracing::info_span!("request", request_id = event.context.request_id);
        self.answer(event.payload).instrument(span).await
    }

    async fn answer(&self, event: Event) -> Result<Answer, AuthorizerError> {
        match self.user(&event).await {
            Ok(sub) => Ok(Answer { is_authorized: true, context: Some(Context { sub }) }),
            Err(Refused::NoKeys) => Err(AuthorizerError::KeysUnavailable),
            Err(reason) => {
                tracing::info!(%reason, "token refused");
                Ok(Answer { is_authorized: false, context: None })
            }
        }
    }

    /// Whose token it is: first its form, then its key, then everything else.
    async fn user(&self, event: &Event) -> Result<UserId, Refused> {
        let [identity] = event.identity_source.as_slice() else { return Err(Refused::Missing) };
        let token = token::of_header(identity)?;
        let key = match token::asks_for(token)? {
            token::Wanted::Secret => self.secret.clone().ok_or(Refused::NoSecret)?,
            token::Wanted::Public { key_id } => self.jwks.find(&key_id).await?.ok_or(Refused::UnknownKey)?,
        };
        self.rules.user_of(token, &key)
    }
}
