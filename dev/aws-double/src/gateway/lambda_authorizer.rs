//! The Lambda authorizer: a function decides on each request, with payload format 2.0 and simple responses.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//!
//! Nothing is cached here. The real gateway caches a decision for the time that the template says.

use http::header;
use serde::Deserialize;
use serde_json::{Value, json};

use super::event::Event;
use super::response::Refusal;
use crate::lambda::LocalLambda;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    is_authorized: bool,
    #[serde(default)]
    context: Value,
}

/// The function's context of the request, for the event. `event` has no body: an authorizer sees none.
pub(super) async fn authorize(
    function: &str,
    lambda: &LocalLambda,
    event: &Event<'_>,
) -> Result<Value, Refusal> {
    let identity = event.request.headers.get(header::AUTHORIZATION).filter(|value| !value.is_empty());
    let identity = String::from_utf8_lossy(identity.ok_or(Refusal::NoIdentity)?.as_bytes());
    let invocation = lambda.invoke(function, event.for_authorizer(&identity).to_string().into()).await?;
    let decision = invocation.outcome.map_err(|error| Refusal::Internal(error.error_type))?;
    let decision: Decision =
        serde_json::from_slice(&decision).map_err(|error| Refusal::Internal(error.to_string()))?;
    if decision.is_authorized { Ok(json!({ "lambda": decision.context })) } else { Err(Refusal::Forbidden) }
}
