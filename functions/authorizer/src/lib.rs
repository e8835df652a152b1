//! authorizer: tells API Gateway whether a request's access token is valid, and which user it belongs to.
//!
//! It replaces the JWT authorizer that API Gateway has built in, which knows RSA signatures only.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

mod key;
mod signature;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

use common::events::EventFunction;
use common::function::{Function, Platform, StartError};
use common::identity::UserId;
use common::issuer::IssuerConfig;
use common::key_set::KeySet;
use common::settings::Settings;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use key::Key;
use token::{Refused, Rules};

/// The issuer's keys are fetched again after this time, so that a key which the issuer withdraws is not accepted
/// for ever.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// The part that matters of API Gateway's request, in payload format 2.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The `Authorization` header, as the template's identity source names it.
    #[serde(default)]
    identity_source: Vec<String>,
}

/// What API Gateway gets: a simple response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether the request may go on to its function.
    pub is_authorized: bool,
    /// Whose it is, for that function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// What the functions find in `requestContext.authorizer.lambda`.
#[derive(Debug, Serialize)]
pub struct Context {
    pub sub: UserId,
}

/// No decision. The name of the variant is the error type that API Gateway sees; clients get a 500.
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

pub struct Authorizer {
    rules: Rules,
    jwks: KeySet<(String, Key)>,
    secret: Option<Key>,
}

impl Function for Authorizer {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = IssuerConfig;

    fn load(settings: &mut Settings<'_>) -> Option<IssuerConfig> {
        IssuerConfig::load(settings)
    }

    async fn connect(config: IssuerConfig, platform: &Platform<'_>) -> Result<Self, StartError> {
        signature::use_ring();
        let IssuerConfig { issuer, audience, jwks_url, secret } = config;
        let secret = match secret {
            Some(secret) => Some(Key::of_secret(&platform.secret(secret).await?)),
            None => None,
        };
        // The issuer's keys are fetched when the first token needs one.
        let jwks = KeySet::new(platform.http()?, jwks_url, KEPT, Key::of_jwk);
        Ok(Self { rules: Rules { issuer, audience }, jwks, secret })
    }
}

impl EventFunction for Authorizer {
    type Event = Event;
    type Output = Decision;
    type Error = AuthorizerError;

    async fn handle(&self, event: Event, _: Timestamp) -> Result<Decision, AuthorizerError> {
        match self.user(&event).await {
            Ok(sub) => Ok(Decision { is_authorized: true, context: Some(Context { sub }) }),
            Err(Refused::NoKeys) => Err(AuthorizerError::KeysUnavailable),
            Err(reason) => {
                tracing::info!(%reason, "token refused");
                Ok(Decision { is_authorized: false, context: None })
            }
        }
    }
}

impl Authorizer {
    /// The token's user. The form is checked first, then the key, then everything else.
    async fn user(&self, event: &Event) -> Result<UserId, Refused> {
        let [identity] = event.identity_source.as_slice() else { return Err(Refused::Missing) };
        let token = token::of_header(identity)?;
        let key = match token::asks_for(token)? {
            token::Wanted::Secret => self.secret.clone().ok_or(Refused::NoSecret)?,
            token::Wanted::Public { key_id } => {
                let found = self.jwks.find(|(id, _)| *id == key_id).await.map_err(|_| Refused::NoKeys)?;
                found.ok_or(Refused::UnknownKey)?.1
            }
        };
        self.rules.user_of(token, &key)
    }
}
