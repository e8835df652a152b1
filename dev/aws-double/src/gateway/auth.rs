//! The JWT authorizer: checks the token of a request.
//!
//! The checks and their order are API Gateway's. The times have no leeway.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use jiff::Timestamp;
use sam_template::JwtSpec;
use serde_json::{Map, Value};

use crate::tokens;

/// Why a request is refused. Its `Display` is part of the response.
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
    /// The `www-authenticate` header of the 401.
    pub(super) fn challenge(self) -> String {
        match self {
            Self::Missing => "Bearer".to_owned(),
            reason => format!(r#"Bearer scope="" error="invalid_token" error_description="{reason}""#),
        }
    }
}

/// The claims of the request's token, all as strings: one of another kind makes lambda_http refuse the event.
pub(super) fn authorize(
    headers: &HeaderMap,
    settings: &JwtSpec,
    now: Timestamp,
) -> Result<BTreeMap<String, String>, AuthError> {
    // The library's error could quote the token.
    let claims = tokens::claims(token(headers)?).map_err(|_| AuthError::Invalid)?;
    check(&claims, settings, now)?;
    let text = |claim: Value| claim.as_str().map_or_else(|| claim.to_string(), str::to_owned);
    Ok(claims.into_iter().map(|(name, claim)| (name, text(claim))).collect())
}

/// The token: the whole `Authorization` header, or what follows `Bearer`.
fn token(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(AuthError::Missing)?;
    if values.next().is_some() {
        return Err(AuthError::Invalid);
    }
    let value = value.to_str().map_err(|_| AuthError::Invalid)?;
    let mut words = value.split_whitespace().peekable();
    words.next_if(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    match (words.next(), words.next()) {
        (None, _) => Err(AuthError::Missing),
        (Some(token), None) => Ok(token),
        (Some(_), Some(_)) => Err(AuthError::Invalid),
    }
}

fn check(claims: &Map<String, Value>, settings: &JwtSpec, now: Timestamp) -> Result<(), AuthError> {
    if claims.get("iss").and_then(Value::as_str) != Some(&settings.issuer) {
        return Err(AuthError::Issuer);
    }

    // `client_id` counts only in a token without `aud`, such as Cognito's access tokens.
    let is_ours = |audience: &Value| settings.audience.iter().any(|ours| audience == ours);
    let is_accepted = match claims.get("aud").or_else(|| claims.get("client_id")) {
        Some(Value::Array(audiences)) => audiences.iter().any(is_ours),
        Some(audience) => is_ours(audience),
        None => false,
    };
    if !is_accepted {
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
    fn the_claims_of_a_good_token_are_strings() {
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
    fn one_accepted_audience_is_enough() {
        assert_eq!(verdict(&with("aud", json!("admin"))), Ok(()));
        assert_eq!(verdict(&with("aud", json!(["other", "app"]))), Ok(()));
    }

    #[test]
    fn client_id_replaces_a_missing_audience_only() {
        let mut claims = without("aud");
        claims["client_id"] = json!("app");
        assert_eq!(verdict(&claims), Ok(()));

        claims["aud"] = json!("other");
        assert_eq!(verdict(&claims), Err(AuthError::Audience));
    }

    #[test]
    fn a_token_may_follow_any_spelling_of_bearer() {
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
    fn an_unsigned_token_is_refused() {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
        let header = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let claims = BASE64.encode(good().to_string());
        assert_eq!(authorized(&format!("Bearer {header}.{claims}.")), Err(AuthError::Invalid));
    }

    #[test]
    fn a_second_authorization_header_is_refused() {
        let value = HeaderValue::from_str(&tokens::sign(&good()).unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, value.clone());
        headers.append(header::AUTHORIZATION, value);
        let now = Timestamp::from_second(NOW).unwrap();
        assert_eq!(authorize(&headers, &settings(), now), Err(AuthError::Invalid));
    }
}
