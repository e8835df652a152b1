//! Cross-origin rules: the gateway answers preflights itself and sets the headers of every other answer.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::SettingsError;
use sam_template::CorsSpec;

/// Every header that a function could set and that is the gateway's alone to set.
const CORS_HEADERS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// The rules with their headers made ready.
pub(super) struct CorsHeaders {
    allow_origins: Vec<String>,
    allow_methods: Option<HeaderValue>,
    allow_headers: Option<HeaderValue>,
    expose_headers: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

impl CorsHeaders {
    pub(super) fn new(cors: &CorsSpec) -> Result<Self, SettingsError> {
        Ok(Self {
            allow_origins: cors.allow_origins.clone(),
            allow_methods: list("allow_methods", &cors.allow_methods)?,
            allow_headers: list("allow_headers", &cors.allow_headers)?,
            expose_headers: list("expose_headers", &cors.expose_headers)?,
            max_age: cors.max_age.map(|max_age| HeaderValue::from(max_age.as_secs())),
        })
    }

    /// The answer to a preflight; `None` for a request that is none. It needs neither a route nor a token.
    pub(super) fn preflight(&self, request: &Parts) -> Option<Response> {
        let origin = request.headers.get(ORIGIN)?;
        if request.method != Method::OPTIONS || !request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let Some(allowed) = self.allowed(origin) {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            insert(headers, ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods);
            insert(headers, ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers);
            insert(headers, ACCESS_CONTROL_MAX_AGE, &self.max_age);
        }
        Some(response)
    }

    /// Puts the gateway's headers in the place of whatever the function sent.
    pub(super) fn replace(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        for name in CORS_HEADERS {
            headers.remove(name);
        }
        if let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            insert(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers);
        }
    }

    /// What to tell an origin that is allowed: `*` where everyone is, else its own name.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let text = origin.to_str().ok()?;
        if self.allow_origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        let matches = |allowed: &String| match allowed.strip_suffix("://*") {
            Some(scheme) => text.split_once("://").is_some_and(|(own, _)| own == scheme),
            None => allowed == text,
        };
        self.allow_origins.iter().any(matches).then(|| origin.clone())
    }
}

fn list(setting: &'static str, values: &[String]) -> Result<Option<HeaderValue>, SettingsError> {
    let value = values.join(",");
    let header = HeaderValue::from_str(&value).map_err(|_| SettingsError::Cors { setting, value })?;
    Ok(if header.is_empty() { None } else { Some(header) })
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(allow_origins: &[&str], origin: &'static str) -> Option<HeaderValue> {
        let allow_origins = allow_origins.iter().map(|origin| (*origin).to_owned()).collect();
        let cors = CorsHeaders::new(&CorsSpec { allow_origins, ..CorsSpec::default() }).unwrap();
        cors.allowed(&HeaderValue::from_static(origin))
    }

    #[test]
    fn origin_is_named_back_unless_everyone_is_allowed() {
        let shop = "https://shop.example";
        assert_eq!(allowed(&["https://other.example", shop], shop).unwrap(), shop);
        assert_eq!(allowed(&["*"], shop).unwrap(), "*");
        assert_eq!(allowed(&["https://*"], shop).unwrap(), shop);
        assert_eq!(allowed(&["http://*"], shop), None);
        assert_eq!(allowed(&["https://shop.example.evil"], shop), None);
        assert_eq!(allowed(&[], shop), None);
    }

    #[test]
    fn list_that_no_header_can_carry_is_refused() {
        let cors = CorsSpec { allow_headers: vec!["x-\n".into()], ..CorsSpec::default() };
        assert!(CorsHeaders::new(&cors).is_err());
    }
}
