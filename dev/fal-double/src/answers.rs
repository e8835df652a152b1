//! The shapes in which fal answers: a list of problems, a platform error, a bare string, HTML.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::fields::Problem;

/// A whole answer, kept as bytes so that the queue can replay it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers beyond the content type; the names are lower case.
    pub headers: Vec<(&'static str, String)>,
    content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Any JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    /// Any text.
    pub fn raw(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), content_type, body: body.into() }
    }

    /// A model's refusal: 422 with the list of what is wrong.
    pub fn problems(problems: &[Problem]) -> Self {
        let detail: Vec<Value> = problems.iter().map(Problem::to_json).collect();
        Self::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": detail }))
    }

    /// A `detail` that is only a string: authentication, not found, some media errors.
    pub fn bare(status: StatusCode, detail: &str) -> Self {
        Self::json(status, &json!({ "detail": detail }))
    }

    /// An error of fal's platform: a string with its `error_type`, which a header repeats.
    pub fn platform(status: StatusCode, detail: &str, error_type: &str) -> Self {
        Self::json(status, &json!({ "detail": detail, "error_type": error_type }))
            .with("x-fal-error-type", error_type)
    }

    /// A page written by the proxy at the edge, which knows nothing of JSON.
    pub fn edge_page(status: StatusCode) -> Self {
        let title = format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or_default());
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
             <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Self::raw(status, "text/html", page)
    }

    /// The same answer with one more header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The answer as a response.
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            // A value with characters that no header may have is left out rather than a panic.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
