//! The Lambda authorizer: a function decides which requests go on, by payload format 2.0 and simple responses.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//!
//! Nothing is cached here. The real gateway keeps an answer for as long as the template says.

use http::header;
use serde::Deserialize;
use serde_json::{Value, json};

use super::event::Event;
use super::response::Refusal;
use crate::lambda::LocalLambda;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    is_authorized: bool,
    #[serde(default)]
    context: Value,
}

/// What `function` told of the request, for the event. `event` has no body: an authorizer sees none.
pub(super) async fn authorize(
    function: &str,
    lambda: &LocalLambda,
    event: &Event<'_>,
) -> Result<Value, Refusal> {
    let identity = event.request.headers.get(header::AUTHORIZATION).filter(|value| !value.is_empty());
    let identity = String::from_utf8_lossy(identity.ok_or(Refusal::NoIdentity)?.as_bytes());
    let question = event.question(&identity).to_string();
    let invocation = lambda.invoke(function, question.into()).await?;
    let answer = invocation.outcome.map_err(|error| Refusal::Internal(error.error_type))?;
    let answer: Answer =
        serde_json::from_slice(&answer).map_err(|error| Refusal::Internal(error.to_string()))?;
    match answer.is_authorized {
        true => Ok(json!({ "lambda": answer.context })),
        false => Err(Refusal::Forbidden),
    }
}
