//! Events of API Gateway's HTTP API, payload format 2.0.

use lambda_http::{Request, request};
use serde_json::{Value, json};

/// An event, built step by step. It has no body and nobody signed in until a step adds them.
#[derive(Debug, Clone)]
pub struct HttpApiEvent(Value);

impl HttpApiEvent {
    pub fn new(method: &str, path: &str) -> Self {
        let route_key = format!("{method} {path}");
        Self(json!({
            "version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {
                "accountId": "1", "apiId": "api", "domainName": "localhost", "domainPrefix": "localhost",
                "requestId": "request", "routeKey": route_key, "stage": "$default", "time": "", "timeEpoch": 0,
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test",
                },
            },
            "isBase64Encoded": false,
        }))
    }

    /// Signs `user` in.
    pub fn user(self, user: &str) -> Self {
        self.claims(json!({"sub": user}))
    }

    /// The claims of the access token.
    pub fn claims(mut self, claims: Value) -> Self {
        self.0["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims, "scopes": null}});
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = json!(value);
        self
    }

    /// What a `{name}` of the route stands for in the path.
    pub fn path_parameter(mut self, name: &str, value: &str) -> Self {
        self.0["pathParameters"][name] = json!(value);
        self
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.0["body"] = Value::String(body.into());
        self
    }

    pub fn into_json(self) -> Value {
        self.0
    }

    /// The event as a function reads it.
    pub fn into_request(self) -> Request {
        request::from_str(&self.0.to_string()).expect("an event")
    }
}
