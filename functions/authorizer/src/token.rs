//! A token: which key it asks for, and whether it is good.

use common::identity::UserId;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use thiserror::Error;

use crate::key::Key;

/// How far the issuer's clock and ours may be apart.
const CLOCK_SKEW_SECONDS: u64 = 60;

/// Longest token. API Gateway takes no more than 10 kB of headers.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Longest id of a key.
const MAX_KEY_ID_BYTES: usize = 256;

/// Why a request is refused. No reason quotes the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    #[error("there is no token")]
    Missing,
    #[error("the token is too long")]
    TooLong,
    #[error("the token is not a JWT, or has an unknown algorithm")]
    NotAToken,
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    #[error("the token is signed with a secret, but JWT_SECRET is not set")]
    NoSecret,
    #[error("the token names no key")]
    NoKeyId,
    #[error("the issuer does not have the token's key")]
    UnknownKey,
    #[error("the signature does not match the key")]
    Signature,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("a claim is missing or has another form")]
    Claims,
    #[error("`sub` names no user")]
    Subject,
    /// Not the token's fault: the issuer's keys were never fetched.
    #[error("the issuer's keys are not known")]
    NoKeys,
}

/// The token in an `Authorization` header: what follows `Bearer`, or all of it, as with the built-in
/// authorizer.
pub fn of_header(value: &str) -> Result<&str, Refused> {
    let value = value.trim();
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let token = if scheme.eq_ignore_ascii_case("bearer") { rest.trim() } else { value };
    match token.len() {
        0 => Err(Refused::Missing),
        1..=MAX_TOKEN_BYTES => Ok(token),
        _ => Err(Refused::TooLong),
    }
}

/// The key that a token says it is signed with.
pub enum Wanted {
    /// The secret that the issuer shares with us.
    Secret,
    /// One of the issuer's public keys.
    Public { key_id: String },
}

/// Reads the header of a token that is not verified yet.
pub fn asks_for(token: &str) -> Result<Wanted, Refused> {
    // `none` is no algorithm here.
    let header = decode_header(token).map_err(|_| Refused::NotAToken)?;
    // RFC 7515: what is critical and not understood makes the token unusable.
    if header.crit.is_some() {
        return Err(Refused::NotAToken);
    }
    match header.alg {
        Algorithm::HS256 => Ok(Wanted::Secret),
        Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => {
            let key_id = header.kid.filter(|id| (1..=MAX_KEY_ID_BYTES).contains(&id.len()));
            key_id.map(|key_id| Wanted::Public { key_id }).ok_or(Refused::NoKeyId)
        }
        _ => Err(Refused::Algorithm),
    }
}

/// What a token must say.
pub struct Rules {
    pub issuer: String,
    pub audience: Vec<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Option<Audience>,
    client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Rules {
    /// The token's user, if `key` signed the token and the claims are right.
    pub fn user_of(&self, token: &str, key: &Key) -> Result<UserId, Refused> {
        // The key decides the algorithm; the token has no say.
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = CLOCK_SKEW_SECONDS;
        validation.validate_nbf = true;
        // Checked below, because it may stand in `client_id`.
        validation.validate_aud = false;
        let claims: Claims =
            decode(token, &key.decoding, &validation).map_err(|error| Refused::from(error.kind()))?.claims;
        if claims.iss != self.issuer {
            return Err(Refused::Issuer);
        }
        if !self.is_meant_for_us(&claims) {
            return Err(Refused::Audience);
        }
        UserId::parse(&claims.sub).map_err(|_| Refused::Subject)
    }

    /// `client_id` counts only in a token without `aud`, as with the built-in authorizer: Cognito's access
    /// tokens are such.
    fn is_meant_for_us(&self, claims: &Claims) -> bool {
        match (&claims.aud, &claims.client_id) {
            (Some(Audience::One(one)), _) | (None, Some(one)) => self.audience.contains(one),
            (Some(Audience::Many(many)), _) => many.iter().any(|one| self.audience.contains(one)),
            (None, None) => false,
        }
    }
}

impl From<&ErrorKind> for Refused {
    fn from(error: &ErrorKind) -> Self {
        match error {
            ErrorKind::InvalidAlgorithm => Self::Algorithm,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
                Self::Claims
            }
            ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => Self::NotAToken,
            _ => Self::Signature,
        }
    }
}
