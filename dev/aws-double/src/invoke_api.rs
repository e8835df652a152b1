//! The Lambda Invoke API: what `aws lambda invoke --endpoint-url` and boto3 call.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::gateway::body::{self, BodyError};
use crate::guard::refuse_foreign_pages;
use crate::lambda::{FunctionError, InvokeError, LocalLambda, PAYLOAD_LIMIT_BYTES};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// The one version that a local function has. Every qualifier stands for it, so that what calls a deployed
/// alias works here too.
const LATEST: HeaderValue = HeaderValue::from_static("$LATEST");

/// The Invoke API as a router. It has no fallback: merge it with the one that has.
pub fn router(lambda: LocalLambda) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(from_fn(refuse_foreign_pages))
        .with_state(lambda)
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Qualifier")]
    qualifier: Option<String>,
}

/// A request that the service refuses, in the shape that the SDKs read.
#[derive(Debug)]
enum Refusal {
    Invoke(InvokeError),
    BrokenBody,
    QualifierMismatch,
    InvocationType,
}

async fn invoke(
    State(lambda): State<LocalLambda>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let payload = body::read(request.into_body(), PAYLOAD_LIMIT_BYTES).await;
    let (name, qualifier) = function_name(&name);
    let answer =
        if qualifier.zip(parameters.qualifier.as_deref()).is_some_and(|(named, asked)| named != asked) {
            Err(Refusal::QualifierMismatch)
        } else {
            answer(&lambda, name, &headers, payload).await
        };
    answer.unwrap_or_else(|refusal| refusal.response(qualifier.or(parameters.qualifier.as_deref())))
}

async fn answer(
    lambda: &LocalLambda,
    name: &str,
    headers: &HeaderMap,
    payload: Result<Bytes, BodyError>,
) -> Result<Response, Refusal> {
    lambda.function(name)?;
    let payload = payload?;
    match headers.get(INVOCATION_TYPE).map_or(b"RequestResponse".as_slice(), HeaderValue::as_bytes) {
        b"RequestResponse" => {
            let invocation = lambda.invoke(name, payload).await?;
            let mut response = match invocation.outcome {
                Ok(answer) => answer.into_response(),
                Err(error) => failed(&error),
            };
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().insert(EXECUTED_VERSION, LATEST);
            Ok(with_request_id(response, &invocation.request_id))
        }
        b"Event" => {
            let running = lambda.start(name, &payload)?;
            Ok(with_request_id(StatusCode::ACCEPTED.into_response(), running.request_id()))
        }
        b"DryRun" => Ok(with_request_id(StatusCode::NO_CONTENT.into_response(), &Uuid::new_v4().to_string())),
        _ => Err(Refusal::InvocationType),
    }
}

/// A failed function is still a 200: the header tells.
fn failed(error: &FunctionError) -> Response {
    ([(FUNCTION_ERROR, "Unhandled")], json!(error).to_string()).into_response()
}

fn with_request_id(mut response: Response, request_id: &str) -> Response {
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

/// The name and the qualifier in `name`, `account:function:name` or a full ARN, each perhaps followed by a
/// qualifier.
fn function_name(text: &str) -> (&str, Option<&str>) {
    let text = match text.split_once(":function:") {
        Some((_, name)) => name,
        None => text.strip_prefix("function:").unwrap_or(text),
    };
    match text.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (text, None),
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::Invoke(InvokeError::PayloadTooLarge),
            BodyError::Broken => Self::BrokenBody,
        }
    }
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        Self::Invoke(error)
    }
}

impl Refusal {
    fn response(self, qualifier: Option<&str>) -> Response {
        let (status, error_type, message) = match self {
            Self::Invoke(error) => {
                let message = error.to_string();
                match error {
                    InvokeError::FunctionNotFound { .. } => {
                        let qualifier =
                            qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
                        (StatusCode::NOT_FOUND, "ResourceNotFoundException", message + &qualifier)
                    }
                    InvokeError::PayloadTooLarge => {
                        (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message)
                    }
                    InvokeError::PayloadNotJson(_) => {
                        (StatusCode::BAD_REQUEST, "InvalidRequestContentException", message)
                    }
                }
            }
            Self::BrokenBody => (
                StatusCode::BAD_REQUEST,
                "InvalidRequestContentException",
                "The request body could not be read".to_owned(),
            ),
            Self::QualifierMismatch => (
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier."
                    .to_owned(),
            ),
            Self::InvocationType => (
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                "The invocation type must be RequestResponse, Event or DryRun.".to_owned(),
            ),
        };
        // The service spells this one key in two ways, and SDKs read either.
        let key = if status == StatusCode::NOT_FOUND { "Message" } else { "message" };
        let response = (
            status,
            [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            [(ERROR_TYPE, HeaderValue::from_static(error_type))],
            json!({"Type": "User", key: message}).to_string(),
        );
        with_request_id(response.into_response(), &Uuid::new_v4().to_string())
    }
}
