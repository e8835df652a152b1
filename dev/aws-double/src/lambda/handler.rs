//! Handlers: one type for all functions, made of what the functions' crates export.

use std::sync::Arc;

use common::api::{self, HttpEvent};
use futures::FutureExt;
use futures::future::BoxFuture;
use lambda_http::{IntoResponse, LambdaEvent, Request};
use lambda_runtime::{Context, Diagnostic};
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

pub(super) fn error(error_type: &str, error_message: impl Into<String>) -> FunctionError {
    FunctionError { error_type: error_type.to_owned(), error_message: error_message.into() }
}

fn not_decoded(cause: serde_json::Error) -> FunctionError {
    let message =
        format!("failed to deserialize the incoming data into the function's payload type: {cause}");
    error("lambda_runtime::deserializer::DeserializeError", message)
}

fn not_encoded(cause: serde_json::Error) -> FunctionError {
    error("Runtime.MarshalError", format!("failed to serialize the function's response: {cause}"))
}

#[cfg(test)]
mod tests {
    use lambda_http::{Body, Response};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn an_event_handler_gets_the_event_and_returns_json() {
        let echo = event_handler(|event: LambdaEvent<Value>| async { Ok::<_, Diagnostic>(event.payload) });
        let answer = echo(json!({"a": [1]}), Context::default()).await;
        assert_eq!(answer.unwrap(), json!({"a": [1]}));
    }

    #[tokio::test]
    async fn an_http_handler_responds_in_format_two() {
        let handler = http_handler(|request: Request| async move {
            let answer = Response::builder().status(201).header("x-path", request.uri().path());
            answer.header("set-cookie", "a=1").body(Body::from("made")).unwrap()
        });
        let event = json!({
            "version": "2.0", "rawPath": "/p", "headers": {"host": "h"},
            "requestContext": {"http": {"method": "GET"}, "stage": "$default"}
        });
        let answer = handler(event, Context::default()).await.unwrap();
        assert_eq!(answer["statusCode"], 201);
        assert_eq!(answer["headers"]["x-path"], "/p");
        assert_eq!(answer["cookies"], json!(["a=1"]));
        assert_eq!(answer["body"], "made");
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_decoded_is_a_function_error() {
        #[derive(Deserialize)]
        struct Order {
            _coins: u32,
        }
        let typed = event_handler(|_: LambdaEvent<Order>| async { Ok::<_, Diagnostic>(()) });
        let http = http_handler(|_: Request| async { Response::new(Body::Empty) });
        for (handler, error_type) in
            [(typed, "lambda_runtime::deserializer::DeserializeError"), (http, "NoHttpEvent")]
        {
            let error = handler(json!({"_coins": "many"}), Context::default()).await.unwrap_err();
            assert_eq!(error.error_type, error_type);
        }
    }

    #[tokio::test]
    async fn an_error_of_the_function_keeps_its_type_and_message() {
        let handler = event_handler(|_: LambdaEvent<Value>| async {
            Err::<(), _>(Diagnostic { error_type: "Refused".into(), error_message: "no".into() })
        });
        let error = handler(json!({}), Context::default()).await.unwrap_err();
        assert_eq!((error.error_type.as_str(), error.error_message.as_str()), ("Refused", "no"));
    }
}
