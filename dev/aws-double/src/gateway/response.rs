//! Responses: those of functions, and those that the gateway makes itself.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine};
use http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde_json::json;

use super::auth::AuthError;
use super::body::BodyError;
use crate::lambda::InvokeError;

/// The type of a body whose function named none.
const DEFAULT_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");

/// Headers of the connection, which is the gateway's.
const DROPPED_HEADERS: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];

/// A request that the gateway answers itself. Its `Display` is for the log, never for the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the body could not be read")]
    BadRequest,
    #[error("{0}")]
    Unauthorized(#[from] AuthError),
    #[error("the header that the authorizer reads is missing")]
    NoIdentity,
    #[error("the authorizer refused the request")]
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
    /// The response, in API Gateway's words.
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
        let mut response = (status, Json(json!({ "message": message }))).into_response();
        if let Self::Unauthorized(reason) = self
            && let Ok(challenge) = HeaderValue::from_str(&reason.challenge())
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The response for the client, of a function's response in format 2.0.
pub(super) fn from_function(response: &[u8]) -> Result<Response, String> {
    let response: ApiGatewayV2httpResponse =
        serde_json::from_slice(response).map_err(|error| error.to_string())?;
    let body = match response.body {
        None => Vec::new(),
        Some(text) if response.is_base64_encoded => {
            BASE64_STANDARD.decode(&text).map_err(|error| format!("the body is not base64: {error}"))?
        }
        Some(text) => text.to_vec(),
    };
    let status = u16::try_from(response.status_code).ok().filter(|status| (200..600).contains(status));
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| format!("{} is not a status", response.status_code))?;

    let mut headers = response.headers;
    for name in DROPPED_HEADERS {
        headers.remove(name);
    }
    for cookie in response.cookies {
        let cookie = cookie.parse().map_err(|_| "a cookie cannot stand in a header")?;
        headers.append(header::SET_COOKIE, cookie);
    }
    if !body.is_empty() {
        headers.entry(header::CONTENT_TYPE).or_insert(DEFAULT_CONTENT_TYPE);
    }
    Ok((status, headers, Body::from(body)).into_response())
}
