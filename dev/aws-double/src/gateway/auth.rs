//! The JWT authorizer: which requests carry a token that the API takes.
//!
//! The checks and their order are API Gateway's. There is no leeway on the times.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::claims;
use crate::tokens;
use sam_template::JwtSpec;

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AuthError {
    #[error("no token")]
    Missing,
    #[error("the token cannot be decoded or its signature is invalid")]
    Invalid,
    #[error("the token's issuer does not match")]
    Issuer,
    #[error("the token does not have a valid audience")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token was issued in the future")]
    IssuedInFuture,
}

impl AuthError {
    /// The challenge that goes back with the 401.
    pub(super) fn challenge(self) -> String {
        match self {
            Self::Missing => "Bearer".to_owned(),
            invalid => {
                format!(r#"Bearer scope="" error="invalid_token" error_description="{invalid}""#)
            }
        }
    }
}

/// The claims of the request's token, as the strings that the event carries.
pub(super) fn authorize(
    headers: &HeaderMap,
    settings: &JwtSpec,
    now: Timestamp,
) -> Result<BTreeMap<String, String>, AuthError> {
    let token = token(headers)?;
    // Why a token cannot be read stays here: the library's error could quote the token.
    let claims = tokens::claims(token).map_err(|_| AuthError::Invalid)?;
    check(&claims, settings, now)?;
    Ok(claims::to_strings(&claims))
}

/// The token: the whole `Authorization` header, or what follows `Bearer`.
fn token(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(AuthError::Missing)?;
    if values.next().is_some() {
        return Err(AuthError::Invalid);
    }
    let value = value.to_str().map_err(|_| AuthError::Invalid)?.trim();
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let token = if scheme.eq_ignore_ascii_case("bearer") { rest.trim() } else { value };
    if token.is_empty() { Err(AuthError::Missing) } else { Ok(token) }
}

fn check(claims: &Map<String, Value>, settings: &JwtSpec, now: Timestamp) -> Result<(), AuthError> {
    if claims.get("iss").and_then(Value::as_str) != Some(&settings.issuer) {
        return Err(AuthError::Issuer);
    }

    // `client_id` counts only in a token without `aud`: Cognito's access tokens are such.
    let audience = claims.get("aud").or_else(|| claims.get("client_id"));
    let ours = |audience: &Value| settings.audience.iter().any(|ours| audience.as_str() == Some(ours));
    let accepted = match audience {
        Some(Value::Array(audiences)) => audiences.iter().any(ours),
        Some(audience) => ours(audience),
        None => false,
    };
    if !accepted {
        return Err(AuthError::Audience);
    }

    let now = now.as_duration().as_secs_f64();
    let seconds =
        |name| claims.get(name).map(|claim: &Value| claim.as_f64().ok_or(AuthError::Invalid)).transpose();
    if seconds("exp")?.is_none_or(|expires| expires <= now) {
        return Err(AuthError::Expired);
    }
    if seconds("nbf")?.is_some_and(|not_before| not_before > now) {
        return Err(AuthError::NotYetValid);
    }
    if seconds("iat")?.is_some_and(|issued| issued > now) {
        return Err(AuthError::IssuedInFuture);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn settings() -> JwtSpec {
        JwtSpec { issuer: "https://issuer.test".into(), audience: vec!["app".into(), "admin".into()] }
    }

    fn good() -> Value {
        json!({"iss": "https://issuer.test", "aud": "app", "sub": "u", "iat": NOW, "nbf": NOW, "exp": NOW + 1})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn authorized(authorization: &str) -> Result<BTreeMap<String, String>, AuthError> {
        let headers =
            HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())]);
        authorize(&headers, &settings(), Timestamp::from_second(NOW).unwrap())
    }

    fn verdict(claims: &Value) -> Result<(), AuthError> {
        authorized(&format!("Bearer {}", tokens::sign(claims).unwrap())).map(drop)
    }

    #[test]
    fn token_within_its_second_is_accepted_with_its_claims_as_strings() {
        let claims = authorized(&format!("Bearer {}", tokens::sign(&good()).unwrap())).unwrap();
        assert_eq!(claims["sub"], "u");
        assert_eq!(claims["exp"], (NOW + 1).to_string());
    }

    #[test]
    fn each_wrong_claim_has_its_own_error() {
        for (claims, error) in [
            (with("iss", json!("https://issuer.test/")), AuthError::Issuer),
            (without("iss"), AuthError::Issuer),
            (with("aud", json!("other")), AuthError::Audience),
            (with("aud", json!([])), AuthError::Audience),
            (without("aud"), AuthError::Audience),
            (with("exp", json!(NOW)), AuthError::Expired),
            (without("exp"), AuthError::Expired),
            (with("exp", json!("soon")), AuthError::Invalid),
            (with("nbf", json!(NOW + 1)), AuthError::NotYetValid),
            (with("iat", json!(NOW + 1)), AuthError::IssuedInFuture),
        ] {
            assert_eq!(verdict(&claims), Err(error), "{claims}");
        }
    }

    #[test]
    fn any_of_the_audiences_will_do() {
        assert_eq!(verdict(&with("aud", json!("admin"))), Ok(()));
        assert_eq!(verdict(&with("aud", json!(["other", "app"]))), Ok(()));
    }

    #[test]
    fn client_id_stands_in_for_a_missing_audience_only() {
        let mut claims = without("aud");
        claims["client_id"] = json!("app");
        assert_eq!(verdict(&claims), Ok(()));

        claims["aud"] = json!("other");
        assert_eq!(verdict(&claims), Err(AuthError::Audience));
    }

    #[test]
    fn token_is_taken_bare_or_after_any_spelling_of_bearer() {
        let token = tokens::sign(&good()).unwrap();
        for authorization in [token.clone(), format!("bearer {token}"), format!("BEARER  {token} ")] {
            assert!(authorized(&authorization).is_ok());
        }
        for (authorization, error) in [
            ("", AuthError::Missing),
            ("Bearer", AuthError::Missing),
            ("Bearer ", AuthError::Missing),
            ("Basic dTpw", AuthError::Invalid),
            (&format!("Basic {token}"), AuthError::Invalid),
            (&format!("Bearer {token}x"), AuthError::Invalid),
        ] {
            assert_eq!(authorized(authorization), Err(error));
        }
        assert_eq!(authorize(&HeaderMap::new(), &settings(), Timestamp::now()), Err(AuthError::Missing));
    }

    #[test]
    fn unsigned_token_is_refused() {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
        let header = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let claims = BASE64.encode(good().to_string());
        assert_eq!(authorized(&format!("Bearer {header}.{claims}.")), Err(AuthError::Invalid));
    }

    #[test]
    fn two_tokens_are_none() {
        let value = HeaderValue::from_str(&tokens::sign(&good()).unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, value.clone());
        headers.append(header::AUTHORIZATION, value);
        let now = Timestamp::from_second(NOW).unwrap();
        assert_eq!(authorize(&headers, &settings(), now), Err(AuthError::Invalid));
    }

    #[test]
    fn challenge_names_the_reason_unless_the_token_is_missing() {
        assert_eq!(AuthError::Missing.challenge(), "Bearer");
        assert_eq!(
            AuthError::Audience.challenge(),
            r#"Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience""#
        );
    }
}
