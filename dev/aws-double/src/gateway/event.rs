//! Events: the requests that API Gateway sends to functions, in payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sam_template::place::{ACCOUNT_ID, API_ID, REGION};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::percent_decoded;

/// Headers that end at the gateway, and `Cookie`, which has a field of its own.
const DROPPED_HEADERS: [&str; 9] = [
    "connection",
    "cookie",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request as an event.
pub(super) struct Event<'a> {
    pub(super) request: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) route_key: &'a str,
    pub(super) path_parameters: &'a BTreeMap<String, String>,
    /// The authorizer's result; `None` on a route without one.
    pub(super) authorizer: Option<Value>,
    pub(super) request_id: &'a str,
    pub(super) source_ip: IpAddr,
    pub(super) now: Timestamp,
}

impl Event<'_> {
    /// The event as JSON. Empty fields are left out, as by the real gateway.
    pub(super) fn to_json(&self) -> Value {
        let query = self.request.uri.query().unwrap_or_default();
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key,
            "rawPath": percent_decoded(self.request.uri.path()),
            "rawQueryString": query,
            "headers": self.headers(),
            "requestContext": self.request_context(),
            "isBase64Encoded": false,
        });

        let cookies = self.cookies();
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        let query = joined(form_urlencoded::parse(query.as_bytes()));
        if !query.is_empty() {
            event["queryStringParameters"] = json!(query);
        }
        if !self.path_parameters.is_empty() {
            event["pathParameters"] = json!(self.path_parameters);
        }
        if !self.body.is_empty() {
            let text = str::from_utf8(self.body).ok().filter(|_| is_text(&self.request.headers));
            event["isBase64Encoded"] = json!(text.is_none());
            event["body"] = text.map_or_else(|| BASE64_STANDARD.encode(self.body), str::to_owned).into();
        }
        event
    }

    /// The event for a Lambda authorizer, which decides by `identity`.
    pub(super) fn for_authorizer(&self, identity: &str) -> Value {
        let method_and_path = self.route_key.replacen(' ', "", 1);
        let mut event = self.to_json();
        event.as_object_mut().map(|members| members.remove("isBase64Encoded"));
        event["type"] = json!("REQUEST");
        event["routeArn"] =
            json!(format!("arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/$default/{method_and_path}"));
        event["identitySource"] = json!([identity]);
        event
    }

    /// The headers by lower-case name, values of one name joined, with those that the gateway adds.
    fn headers(&self) -> BTreeMap<String, String> {
        let headers = self.request.headers.iter();
        let kept = headers.filter(|(name, _)| !DROPPED_HEADERS.contains(&name.as_str()));
        let mut headers =
            joined(kept.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))));

        let forwarded_for = match headers.get("x-forwarded-for") {
            Some(before) => format!("{before}, {}", self.source_ip),
            None => self.source_ip.to_string(),
        };
        let port = self.authority().rsplit_once(':').map_or("80", |(_, port)| port).to_owned();
        headers.extend([
            ("content-length".to_owned(), self.body.len().to_string()),
            ("x-amzn-trace-id".to_owned(), trace_id(self.now)),
            ("x-forwarded-for".to_owned(), forwarded_for),
            ("x-forwarded-port".to_owned(), port),
            ("x-forwarded-proto".to_owned(), "http".to_owned()),
        ]);
        headers
    }

    fn request_context(&self) -> Value {
        let domain_name = self.authority().rsplit_once(':').map_or(self.authority(), |(host, _)| host);
        let user_agent = self.request.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
        let user_agent = String::from_utf8_lossy(user_agent.unwrap_or_default());
        let mut context = json!({
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": domain_name,
            "domainPrefix": domain_name.split('.').next(),
            "http": {
                "method": self.request.method.as_str(),
                "path": percent_decoded(self.request.uri.path()),
                "protocol": format!("{:?}", self.request.version),
                "sourceIp": self.source_ip.to_string(),
                "userAgent": user_agent,
            },
            "requestId": self.request_id,
            "routeKey": self.route_key,
            "stage": "$default",
            "time": self.now.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": self.now.as_millisecond(),
        });
        if let Some(authorizer) = &self.authorizer {
            context["authorizer"] = authorizer.clone();
        }
        context
    }

    fn cookies(&self) -> Vec<String> {
        let headers = self.request.headers.get_all(header::COOKIE).iter();
        let text: Vec<_> = headers.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let cookies = text.iter().flat_map(|header| header.split(';')).map(str::trim);
        cookies.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
    }

    /// The host and the port that the client called.
    fn authority(&self) -> &str {
        let host = self.request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.or(self.request.uri.authority().map(|authority| authority.as_str())).unwrap_or("localhost")
    }
}

/// Values of one name, joined with commas.
fn joined<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in pairs {
        let values = joined.entry(name.as_ref().to_owned()).or_default();
        if !values.is_empty() {
            values.push(',');
        }
        values.push_str(value.as_ref());
    }
    joined
}

/// Whether a body of this content type is sent as text. All others are sent as base64, forms included.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || matches!(media_type.as_str(), "application/json" | "application/javascript" | "application/xml")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
}

fn trace_id(now: Timestamp) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{}", now.as_second(), &random[..24])
}
