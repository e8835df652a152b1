//! Responses: what a function answered, and what the gateway says when there is no answer.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::AuthError;
use super::body::BodyError;
use crate::lambda::InvokeError;

/// What the gateway says of a body whose function named no type.
const DEFAULT_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");

const JSON_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// Headers that belong to the connection, which is the gateway's.
const DROPPED_HEADERS: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];

/// A request that the gateway answers itself. Its `Display` is for the log, never for the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the body could not be read")]
    BadRequest,
    #[error("{0}")]
    Unauthorized(#[from] AuthError),
    #[error("what the authorizer goes by is missing")]
    NoIdentity,
    #[error("the authorizer said no")]
    Forbidden,
    #[error("no route has this method and path")]
    NotFound,
    #[error("the body, or the event made of it, is over its limit")]
    TooLarge,
    #[error("the function failed: {0}")]
    Internal(String),
    #[error("the function takes longer than the gateway waits")]
    Unavailable,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::BadRequest,
        }
    }
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::PayloadTooLarge => Self::TooLarge,
            InvokeError::FunctionNotFound { .. } | InvokeError::PayloadNotJson(_) => {
                Self::Internal(error.to_string())
            }
        }
    }
}

impl Refusal {
    /// The answer, in API Gateway's words.
    pub(super) fn response(self) -> Response {
        let (status, message) = match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Unauthorized(_) | Self::NoIdentity => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON_CONTENT_TYPE);
        if let Self::Unauthorized(reason) = self
            && let Ok(challenge) = HeaderValue::from_str(&reason.challenge())
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// An answer in format 2.0. A field that is `null` counts as absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: Option<BTreeMap<String, Value>>,
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The response that a function's answer stands for, or why it stands for none.
///
/// JSON without a `statusCode` is the body of a 200, as the gateway infers it.
pub(super) fn from_answer(answer: &[u8]) -> Result<Response, String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    if answer.get("statusCode").is_none() {
        return Ok(inferred(&answer));
    }
    let answer: Answer = serde_json::from_value(answer).map_err(|error| error.to_string())?;

    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded == Some(true) {
        BASE64_STANDARD.decode(body).map_err(|error| format!("the body is not base64: {error}"))?
    } else {
        body.into_bytes()
    };
    let has_body = !body.is_empty();

    let mut response = Response::new(Body::from(body));
    let status =
        StatusCode::from_u16(answer.status_code).ok().filter(|status| (200..600).contains(&status.as_u16()));
    *response.status_mut() = status.ok_or_else(|| format!("{} is not a status", answer.status_code))?;

    let single = answer.headers.into_iter().flatten();
    let multiple = answer.multi_value_headers.into_iter().flatten();
    let multiple =
        multiple.flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
    let cookies = answer.cookies.into_iter().flatten();
    let cookies = cookies.map(|cookie| (header::SET_COOKIE.to_string(), Value::String(cookie)));
    for (name, value) in single.chain(multiple).chain(cookies) {
        let (name, value) =
            header(&name, &value).ok_or_else(|| format!("{name:?} is not a usable header"))?;
        if !DROPPED_HEADERS.contains(&name) {
            response.headers_mut().append(name, value);
        }
    }
    if has_body {
        response.headers_mut().entry(header::CONTENT_TYPE).or_insert(DEFAULT_CONTENT_TYPE);
    }
    Ok(response)
}

fn inferred(answer: &Value) -> Response {
    let body = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON_CONTENT_TYPE);
    response
}

fn header(name: &str, value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some((name.parse().ok()?, value.parse().ok()?))
}
