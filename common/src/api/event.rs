//! Reads events for `lambda_http`, which panics on some events and copies bodies of megabytes.
//!
//! A panic there comes before any handler: the client would get API Gateway's bare 500 for its own mistake.

mod json_string;

use std::convert::Infallible;
use std::mem;
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::HOST;
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, IntoResponse, LambdaEvent, Request, Service, service_fn};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::Response;

/// Longest path or query string that is kept, in bytes. API Gateway takes no more in all of a request's head.
const MAX_ADDRESS_BYTES: usize = 10_240;

/// Longest name of a host (RFC 1035).
const MAX_HOST_BYTES: usize = 253;

/// An HTTP API's event in payload format 2.0. It is parsed only when it is served: before that, Lambda's
/// runtime still holds all of it, and a body of megabytes would be in memory twice.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct HttpEvent(Box<RawValue>);

/// The handler's response to one event, for Lambda.
///
/// # Errors
///
/// When the payload is not an event of an HTTP API in format 2.0.
pub async fn serve<H, F>(event: LambdaEvent<HttpEvent>, handler: H) -> Result<impl Serialize, Diagnostic>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response> + Send,
{
    let (head, mut body) = sanitised(event.payload).map_err(not_an_event)?;
    let with_its_body = service_fn(|mut request: Request| {
        *request.body_mut() = mem::take(&mut body);
        handler(request).map(|response| Ok(Unconverted(response)))
    });
    let answer = Adapter::from(with_its_body).call(LambdaEvent::new(head, event.context));
    answer.await.map_err(|never: Infallible| match never {})
}

/// A response whose body is sent as it is. The conversion of `lambda_http` would copy it, and would add the tables
/// of every character set to each binary, 150 kB.
struct Unconverted(Response);

impl IntoResponse for Unconverted {
    fn into_response(self) -> BoxFuture<'static, Response> {
        ready(self.0).boxed()
    }
}

fn not_an_event(error: serde_json::Error) -> Diagnostic {
    Diagnostic {
        error_type: "NoHttpEvent".to_owned(),
        error_message: format!("not an HTTP API's event in payload format 2.0: {error}"),
    }
}

/// The request that a handler gets for an event.
///
/// # Errors
///
/// When the payload is not an event of an HTTP API in format 2.0.
pub fn request(event: HttpEvent) -> Result<Request, serde_json::Error> {
    let (head, body) = sanitised(event)?;
    Ok(Request::from(head).map(|_| body))
}

/// The event without anything that `lambda_http` would panic on, and its body apart.
fn sanitised(event: HttpEvent) -> Result<(LambdaRequest, Body), serde_json::Error> {
    let (mut head, body) = parts(event.0)?;
    sanitise_address(&mut head);
    let body = match body {
        None => Body::Empty,
        Some(text) if head.is_base64_encoded => decoded(text),
        Some(text) => Body::Text(text),
    };
    Ok((LambdaRequest::ApiGatewayV2(head), body))
}

/// Cuts the body out of an event, in the event's own memory.
fn parts(event: Box<RawValue>) -> Result<(ApiGatewayV2httpRequest, Option<String>), serde_json::Error> {
    let event = String::from(Box::<str>::from(event));
    let Some(body) = place_of_body(&event)? else {
        return Ok((serde_json::from_str(&event)?, None));
    };
    let head = serde_json::from_str(&[&event[..body.start], &event[body.end..]].concat())?;
    let body = json_string::read(event, body);
    Ok((head, Some(body.ok_or_else(|| serde_json::Error::custom("half a surrogate pair in the body"))?)))
}

/// Where the body's text lies in an event, between its quotes.
fn place_of_body(event: &str) -> Result<Option<Range<usize>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct WithBody<'a> {
        #[serde(borrow)]
        body: Option<&'a RawValue>,
    }
    let body = serde_json::from_str::<WithBody<'_>>(event)?.body.map(RawValue::get);
    let text = body.and_then(|body| body.strip_prefix('"')?.strip_suffix('"'));
    Ok(text.map(|text| {
        let start = text.as_ptr().addr() - event.as_ptr().addr();
        start..start + text.len()
    }))
}

/// A body that should be base64 and is not becomes a text, which the endpoint then refuses.
fn decoded(text: String) -> Body {
    match BASE64_STANDARD.decode(&text) {
        Ok(bytes) => Body::Binary(bytes),
        Err(_) => Body::Text(text),
    }
}

/// Makes the address valid. The API's own host stays if it is a plain name. The client's headers about the address
/// are left out, because no endpoint reads them; the query keeps its meaning.
fn sanitise_address(event: &mut ApiGatewayV2httpRequest) {
    event.headers.remove(HOST);
    event.headers.remove("x-forwarded-proto");
    event.request_context.domain_name =
        event.request_context.domain_name.take().filter(|name| is_host_name(name));
    let short = |text: Option<String>| text.filter(|text| text.len() <= MAX_ADDRESS_BYTES);
    let path = short(event.raw_path.take()).unwrap_or_default();
    event.raw_path = Some(if path.starts_with('/') { path } else { format!("/{path}") });
    event.request_context.stage = short(event.request_context.stage.take());
    event.raw_query_string = short(event.raw_query_string.take()).map(|query| encoded(&query));
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_plain = name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label);
    // `1.2.3.4.5` is plain, and no host.
    is_plain && Url::parse(&format!("https://{name}/")).is_ok()
}

/// A query string, percent-encoded where needed: some clients send `"` and `<` as they are.
fn encoded(query: &str) -> String {
    let mut url = Url::parse("http://localhost").expect("a constant URL");
    url.set_query(Some(query));
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use lambda_http::RequestExt;
    use lambda_http::request::RequestContext;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_a_plain_host_name_is_kept() {
        let host = |name: &str| {
            let request = request(|event| event["requestContext"]["domainName"] = json!(name));
            let RequestContext::ApiGatewayV2(context) = request.request_context() else { return None };
            context.domain_name
        };
        for name in ["a1b2c3d4e5.execute-api.ap-southeast-3.amazonaws.com", "127.0.0.1", "localhost"] {
            assert_eq!(host(name).as_deref(), Some(name));
        }
        for name in
            ["", "a b", "a/b", "user@host", "a..b", "ü.example", "[::1]", "1.2.3.4.5", &"a".repeat(300)]
        {
            assert_eq!(host(name), None, "{name}");
        }
    }

    fn request(change: impl FnOnce(&mut Value)) -> Request {
        let mut event = json!({
            "version": "2.0", "rawPath": "/p", "rawQueryString": "", "headers": {"host": "h"}, "body": "AA==",
            "requestContext": {"http": {"method": "GET", "path": "/p"}, "stage": "$default"},
        });
        change(&mut event);
        super::request(serde_json::from_value(event).expect("JSON")).expect("an event")
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
    fn every_address_becomes_a_request() {
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
    fn a_body_is_found_wherever_it_stands() {
        for (event, body) in [
            (r#"{"body":"{\"a\":\"\\n\"}","rawPath":"/p","#, Body::Text(r#"{"a":"\n"}"#.into())),
            (r#"{"rawPath":"/p","stageVariables":{"body":"/p"},"body":"/p","#, Body::Text("/p".into())),
            (r#"{"rawPath":"/p","body":null,"#, Body::Empty),
            (r#"{"rawPath":"/p","#, Body::Empty),
        ] {
            let event = format!(r#"{event}"headers":{{}},"requestContext":{{"http":{{"method":"PUT"}}}}}}"#);
            let request = super::request(serde_json::from_str(&event).expect("JSON")).expect("an event");
            assert_eq!(
                (request.body(), request.raw_http_path(), request.method().as_str()),
                (&body, "/p", "PUT")
            );
        }
    }

    #[test]
    fn payloads_of_other_kinds_are_refused() {
        for event in [r#"{"body":{}}"#, r#"{"body":"\ud800"}"#, r#"{"body":"","headers":[]}"#, "[]", "1"] {
            assert!(super::request(serde_json::from_str(event).expect("JSON")).is_err(), "{event}");
        }
    }

    #[test]
    fn a_body_with_wrong_base64_becomes_a_text() {
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
