//! The Lambda Invoke API, which `aws lambda invoke --endpoint-url` and boto3 call.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

#[cfg(test)]
mod tests;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use crate::gateway::body::{self, BodyError};
use crate::lambda::{InvokeError, LocalLambda, PAYLOAD_LIMIT_BYTES};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// The only version of a local function. Every qualifier means it, so that callers of a deployed alias work
/// here.
const LATEST: HeaderValue = HeaderValue::from_static("$LATEST");

/// The Invoke API as a router without a fallback, to be merged with the one that has it.
pub fn router(lambda: LocalLambda) -> Router {
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke)).with_state(lambda)
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    #[error("The request body could not be read")]
    BrokenBody,
    #[error("The invocation type must be RequestResponse or Event.")]
    InvocationType,
}

async fn invoke(
    State(lambda): State<LocalLambda>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let payload = body::read(request.into_body(), PAYLOAD_LIMIT_BYTES).await;
    let (request_id, mut response) = match run(&lambda, function_name(&name), &headers, payload).await {
        Ok((request_id, response)) => (request_id, response),
        Err(refusal) => (Uuid::new_v4().to_string(), refusal.into_response()),
    };
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

/// The request id and the response of an invocation.
async fn run(
    lambda: &LocalLambda,
    name: &str,
    headers: &HeaderMap,
    payload: Result<Bytes, BodyError>,
) -> Result<(String, Response), Refusal> {
    lambda.function(name)?;
    let payload = payload?;
    match headers.get(INVOCATION_TYPE).map_or(b"RequestResponse".as_slice(), HeaderValue::as_bytes) {
        b"RequestResponse" => {
            let invocation = lambda.invoke(name, payload).await?;
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (EXECUTED_VERSION, LATEST),
            ];
            let response = match invocation.outcome {
                Ok(body) => (headers, body).into_response(),
                // The status is still 200.
                Err(error) => (headers, [(FUNCTION_ERROR, "Unhandled")], Json(error)).into_response(),
            };
            Ok((invocation.request_id, response))
        }
        b"Event" => {
            let running = lambda.start(name, &payload)?;
            Ok((running.request_id().to_owned(), StatusCode::ACCEPTED.into_response()))
        }
        _ => Err(Refusal::InvocationType),
    }
}

/// The name in `name`, `account:function:name` or a full ARN, each with or without a qualifier.
fn function_name(text: &str) -> &str {
    let name = text.rsplit_once("function:").map_or(text, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::Invoke(InvokeError::PayloadTooLarge),
            BodyError::Broken => Self::BrokenBody,
        }
    }
}

impl IntoResponse for Refusal {
    /// The response in the form that the SDKs read.
    fn into_response(self) -> Response {
        // The service spells this one key in two ways.
        let (status, error_type, key) = match self {
            Self::Invoke(InvokeError::FunctionNotFound { .. }) => {
                (StatusCode::NOT_FOUND, "ResourceNotFoundException", "Message")
            }
            Self::Invoke(InvokeError::PayloadTooLarge) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", "message")
            }
            Self::Invoke(InvokeError::PayloadNotJson(_)) | Self::BrokenBody => {
                (StatusCode::BAD_REQUEST, "InvalidRequestContentException", "message")
            }
            Self::InvocationType => (StatusCode::BAD_REQUEST, "InvalidParameterValueException", "message"),
        };
        let body = json!({"Type": "User", key: self.to_string()});
        (status, [(ERROR_TYPE, error_type)], Json(body)).into_response()
    }
}
