//! Handlers: one type for all functions, made of what the functions' crates export.

use std::sync::Arc;

use common::api::{self, HttpEvent};
use futures::FutureExt;
use futures::future::BoxFuture;
use lambda_http::{IntoResponse, LambdaEvent, Request};
use lambda_runtime::{Context, Diagnostic};
use runtime_api::error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Lambda's report of a failed function: `{"errorType":"…","errorMessage":"…"}`.
pub type FunctionError = Diagnostic;

/// A function's code as Lambda sees it: an event and a context in, JSON or an error out.
pub type Handler =
    Arc<dyn Fn(Value, Context) -> BoxFuture<'static, Result<Value, FunctionError>> + Send + Sync>;

/// An HTTP handler as a [`Handler`], served as `common::api::run` serves it.
pub fn http_handler<F, Fut>(handler: F) -> Handler
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoResponse,
{
    let handler = Arc::new(handler);
    Arc::new(move |event, context| {
        let handler = Arc::clone(&handler);
        async move {
            let event: HttpEvent = serde_json::from_value(event).map_err(not_decoded)?;
            let respond = |request| handler(request).then(IntoResponse::into_response);
            let response = api::serve(LambdaEvent::new(event, context), respond).await?;
            serde_json::to_value(response).map_err(not_encoded)
        }
        .boxed()
    })
}

/// A plain `lambda_runtime` handler as a [`Handler`], with the bounds of `lambda_runtime::run`.
pub fn event_handler<F, Fut, Event, Response, Error>(handler: F) -> Handler
where
    F: Fn(LambdaEvent<Event>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Error>> + Send + 'static,
    Event: DeserializeOwned + Send + 'static,
    Response: Serialize,
    Error: Into<Diagnostic>,
{
    let handler = Arc::new(handler);
    Arc::new(move |event, context| {
        let handler = Arc::clone(&handler);
        async move {
            let event = serde_json::from_value(event).map_err(not_decoded)?;
            let response = handler(LambdaEvent::new(event, context)).await.map_err(Into::into)?;
            serde_json::to_value(response).map_err(not_encoded)
        }
        .boxed()
    })
}

fn not_decoded(cause: serde_json::Error) -> FunctionError {
    let message =
        format!("failed to deserialize the incoming data into the function's payload type: {cause}");
    error("lambda_runtime::deserializer::DeserializeError", message)
}

fn not_encoded(cause: serde_json::Error) -> FunctionError {
    error("Runtime.MarshalError", format!("failed to serialize the function's response: {cause}"))
}
