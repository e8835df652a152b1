//! Events on their way into `lambda_http`, which panics over some that it cannot make a request of.
//!
//! A panic there comes before any handler: the client would get a bare 500 of API Gateway's for a fault of its own.

use std::convert::Infallible;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use lambda_http::tower::ServiceExt;
use lambda_http::{Adapter, Body, Error, LambdaEvent, Request, Response, Service, lambda_runtime};
use url::Url;

/// Longest path or query string that is kept, in bytes. API Gateway takes no more in all of a request's head.
const MAX_ADDRESS_BYTES: usize = 10_240;

/// What API Gateway sends: an HTTP API's event in payload format 2.0, and no other.
pub type HttpEvent = ApiGatewayV2httpRequest;

/// Serves HTTP events with `handler` until the process ends, as `lambda_http::run` does, but tamed, and without the copy
/// of the event that it takes to find out which of several kinds one is.
///
/// # Errors
///
/// When Lambda's runtime interface cannot be reached.
pub async fn run<S>(handler: S) -> Result<(), Error>
where
    S: Service<Request, Response = Response<Body>, Error = Infallible>,
    S::Future: Send,
{
    let tame = |event: LambdaEvent<HttpEvent>| LambdaEvent::new(tamed(event.payload), event.context);
    lambda_runtime::run(Adapter::from(handler).map_request(tame)).await
}

/// The same event, with what `lambda_http` would panic over made harmless. A body that is not the base64 that the
/// event says it is becomes a text, which the handler then refuses as it refuses every other.
#[must_use]
pub fn tamed(mut event: HttpEvent) -> LambdaRequest {
    tame_address(&mut event);
    let is_base64 = |body: &String| BASE64_STANDARD.decode(body).is_ok();
    event.is_base64_encoded = event.is_base64_encoded && event.body.as_ref().is_none_or(is_base64);
    LambdaRequest::ApiGatewayV2(event)
}

/// Leaves an address that is one: the host, which no handler reads, is left out; the query keeps its meaning.
fn tame_address(event: &mut HttpEvent) {
    event.headers.remove(HOST);
    event.request_context.domain_name = None;
    let short = |text: Option<String>| text.filter(|text| text.len() <= MAX_ADDRESS_BYTES);
    let path = short(event.raw_path.take()).unwrap_or_default();
    event.raw_path = Some(if path.starts_with('/') { path } else { format!("/{path}") });
    event.request_context.stage = short(event.request_context.stage.take());
    event.raw_query_string = short(event.raw_query_string.take()).map(|query| encoded(&query));
}

/// A query string with what may not stand in one percent-encoded: some clients send `"` and `<` as they are.
fn encoded(query: &str) -> String {
    let mut url = Url::parse("http://localhost").expect("a constant URL");
    url.set_query(Some(query));
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use lambda_http::RequestExt;
    use serde_json::{Value, json};

    use super::*;

    fn request(change: impl FnOnce(&mut Value)) -> Request {
        let mut event = json!({
            "version": "2.0", "rawPath": "/p", "rawQueryString": "", "headers": {"host": "h"}, "body": "AA==",
            "requestContext": {"http": {"method": "GET", "path": "/p"}, "stage": "$default"},
        });
        change(&mut event);
        tamed(serde_json::from_value(event).expect("an event")).into()
    }

    #[test]
    fn a_query_that_is_not_encoded_keeps_its_meaning() {
        let request = request(|event| event["rawQueryString"] = json!("limit=\"5\"&cursor=<é>#1&c=%22"));
        let asked = request.query_string_parameters();
        assert_eq!(
            (asked.first("limit"), asked.first("cursor"), asked.first("c")),
            (Some("\"5\""), Some("<é>#1"), Some("\""))
        );
    }

    #[test]
    fn no_address_is_too_odd() {
        for (place, value) in [
            ("/headers/host", "a b"),
            ("/headers/host", "h:99999"),
            ("/rawPath", ""),
            ("/rawPath", ":99999/"),
            ("/rawPath", "/é \u{0}^{}|\\?#"),
            ("/requestContext/stage", " ?#\""),
            ("/rawPath", &"/".repeat(100_000)),
            ("/rawQueryString", &"\"".repeat(100_000)),
        ] {
            let request = request(|event| *event.pointer_mut(place).expect("a place") = json!(value));
            assert!(request.raw_http_path().starts_with('/'), "{place} {value}");
        }
    }

    #[test]
    fn a_body_that_is_not_the_base64_it_should_be_is_a_text() {
        for (body, read) in [("AA==", Body::Binary(vec![0])), ("no base64!", Body::Text("no base64!".into()))]
        {
            let request = request(|event| {
                event["isBase64Encoded"] = json!(true);
                event["body"] = json!(body);
            });
            assert_eq!(request.body(), &read);
        }
    }
}
