//! The bearer tokens of the local stack: JWTs signed with a secret that everyone may know.
//!
//! `cargo dev token USER` and the running gateway are two processes, so both take the secret from here.
//! No deployed API accepts it: there the issuer's public keys decide.

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};

use crate::template::JwtSpec;

/// Signs the tokens of the local stack. It guards nothing but made-up data on one's own machine.
pub const DEVELOPMENT_ONLY_SECRET: &str = "potret-local-development-only-this-is-not-a-secret";

/// The one algorithm that is accepted, whatever a token's header says.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// A token could not be signed, or is not signed by us.
pub type TokenError = jsonwebtoken::errors::Error;

/// Issues a token for a user, valid from now on for a lifetime counted in whole seconds.
pub fn issue(user: &str, settings: &JwtSpec, lifetime: Duration) -> Result<String, TokenError> {
    let now = Timestamp::now().as_second();
    let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    sign(&json!({
        "iss": settings.issuer,
        "aud": settings.audience.first(),
        "sub": user,
        "iat": now,
        "exp": now.saturating_add(lifetime),
    }))
}

/// Signs any claims at all: for the tokens that a gateway has to refuse.
pub fn sign(claims: &Value) -> Result<String, TokenError> {
    let key = EncodingKey::from_secret(DEVELOPMENT_ONLY_SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(ALGORITHM), claims, &key)
}

/// The claims of a token whose algorithm and signature are right. The claims themselves are not checked.
pub(crate) fn claims(token: &str) -> Result<Map<String, Value>, TokenError> {
    let mut signature_only = Validation::new(ALGORITHM);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;

    let key = DecodingKey::from_secret(DEVELOPMENT_ONLY_SECRET.as_bytes());
    Ok(jsonwebtoken::decode(token, &key, &signature_only)?.claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issued_token_carries_the_settings_and_the_user() {
        let settings = JwtSpec { issuer: "https://issuer.test".into(), audience: vec!["app".into()] };
        let token = issue("user-1", &settings, Duration::from_secs(60)).unwrap();

        let claims = claims(&token).unwrap();
        assert_eq!(claims["iss"], "https://issuer.test");
        assert_eq!(claims["aud"], "app");
        assert_eq!(claims["sub"], "user-1");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    }

    #[test]
    fn endless_lifetime_does_not_overflow() {
        let settings = JwtSpec { issuer: "i".into(), audience: vec![] };
        let token = issue("u", &settings, Duration::MAX).unwrap();
        assert_eq!(claims(&token).unwrap()["exp"], i64::MAX);
    }

    #[test]
    fn token_signed_with_another_secret_is_refused() {
        let key = EncodingKey::from_secret(b"another secret");
        let token = jsonwebtoken::encode(&Header::new(ALGORITHM), &json!({"sub": "u"}), &key).unwrap();
        assert!(claims(&token).is_err());
    }

    #[test]
    fn other_algorithm_is_refused_even_with_our_secret() {
        let key = EncodingKey::from_secret(DEVELOPMENT_ONLY_SECRET.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &json!({"sub": "u"}), &key).unwrap();
        assert!(claims(&token).is_err());
    }
}
