//! The JWT authorizer: checks the token of a request.
//!
//! The checks and their order are API Gateway's. The times have no leeway.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use jiff::Timestamp;
use sam_template::JwtSpec;
use serde_json::{Map, Value};

use crate::tokens::SigningKey;

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
    key: &SigningKey,
    settings: &JwtSpec,
    now: Timestamp,
) -> Result<BTreeMap<String, String>, AuthError> {
    let claims = key.claims(token(headers)?).ok_or(AuthError::Invalid)?;
    check(&claims, settings, now)?;
    Ok(claims.into_iter().map(|(name, claim)| (name, as_text(&claim))).collect())
}

/// A claim as API Gateway writes it: lists, objects and null as Go prints them.
fn as_text(claim: &Value) -> String {
    match claim {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(as_text).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name}:{}", as_text(value)));
            format!("map[{}]", members.collect::<Vec<_>>().join(" "))
        }
        Value::Number(_) | Value::Bool(_) => claim.to_string(),
    }
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
    use std::sync::LazyLock;

    use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
    use http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::tokens::signed_with_secret;

    const NOW: i64 = 1_800_000_000;

    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::random().unwrap());

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

    fn authorized(authorization: &[&str]) -> Result<BTreeMap<String, String>, AuthError> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        authorize(&headers, &KEY, &settings(), Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn every_wrong_claim_has_its_own_error() {
        let client = |mut claims: Value| {
            claims["client_id"] = json!("app");
            claims
        };
        for (claims, verdict) in [
            (good(), Ok(())),
            (with("iss", json!("https://issuer.test/")), Err(AuthError::Issuer)),
            (without("iss"), Err(AuthError::Issuer)),
            (with("aud", json!("admin")), Ok(())),
            (with("aud", json!(["other", "app"])), Ok(())),
            (with("aud", json!("other")), Err(AuthError::Audience)),
            (with("aud", json!([])), Err(AuthError::Audience)),
            (without("aud"), Err(AuthError::Audience)),
            (client(without("aud")), Ok(())),
            (client(with("aud", json!("other"))), Err(AuthError::Audience)),
            (with("exp", json!(NOW)), Err(AuthError::Expired)),
            (without("exp"), Err(AuthError::Expired)),
            (with("exp", json!("soon")), Err(AuthError::Invalid)),
            (with("nbf", json!(NOW + 1)), Err(AuthError::NotYetValid)),
            (with("iat", json!(NOW + 1)), Err(AuthError::IssuedInFuture)),
        ] {
            let token = KEY.sign(&claims).unwrap();
            assert_eq!(authorized(&[&token]).map(drop), verdict, "{claims}");
        }
    }

    #[test]
    fn claims_of_every_type_become_text() {
        for (claim, text) in [
            (json!("u"), "u"),
            (json!(null), "<nil>"),
            (json!(true), "true"),
            (json!(42), "42"),
            (json!(1_234_567), "1234567"),
            (json!(["a", "b", null]), "[a b <nil>]"),
            (json!({"a": 1, "b": []}), "map[a:1 b:[]]"),
        ] {
            assert_eq!(as_text(&claim), text);
        }
    }

    #[test]
    fn a_token_may_follow_any_spelling_of_bearer() {
        let token = KEY.sign(&good()).unwrap();
        for authorization in [token.clone(), format!("bearer {token}"), format!("BEARER  {token} ")] {
            assert!(authorized(&[&authorization]).is_ok());
        }
        for authorization in [&[][..], &[""], &["Bearer"], &["Bearer "]] {
            assert_eq!(authorized(authorization), Err(AuthError::Missing), "{authorization:?}");
        }
    }

    #[test]
    fn a_token_that_the_key_did_not_sign_is_refused() {
        let token = KEY.sign(&good()).unwrap();
        let other = KEY.sign(&json!({"sub": "v"})).unwrap();
        let ((signed, _), (_, signature)) =
            (token.rsplit_once('.').unwrap(), other.rsplit_once('.').unwrap());
        let part = |value: Value| BASE64.encode(value.to_string());
        let unsigned = format!("{}.{}", part(json!({"alg": "none", "typ": "JWT"})), part(good()));
        let with_secret = signed_with_secret(&KEY.public_keys()["keys"][0].to_string(), &good());
        let another_key = SigningKey::random().unwrap();
        for (what, authorization) in [
            ("another scheme", &["Basic dTpw"][..]),
            ("a token of another scheme", &[&format!("Basic {token}")]),
            ("a longer signature", &[&format!("{token}x")]),
            ("another token's signature", &[&format!("{signed}.{signature}")]),
            ("no signature", &[&format!("{unsigned}.")]),
            ("another algorithm", &[&format!("{unsigned}.{signature}")]),
            ("our public key as a secret", &[&with_secret]),
            ("another key", &[&another_key.sign(&good()).unwrap()]),
            ("a second header", &[&token, &token]),
        ] {
            assert_eq!(authorized(authorization), Err(AuthError::Invalid), "{what}");
        }
    }
}
