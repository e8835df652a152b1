//! The shapes in which fal responds: a list of violations, a platform error, a bare string, HTML.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::schema::Violation;

/// A whole response, held as bytes so that the queue can replay it.
#[derive(Clone, Debug)]
pub struct FalResponse {
    pub status: StatusCode,
    // Boxed, because a response is also an error, which should be small.
    headers: Box<HeaderMap>,
    pub body: Bytes,
    /// Whether it comes from the edge, which knows no request id.
    from_edge: bool,
}

impl FalResponse {
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    pub fn raw(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Box::default(), body: body.into(), from_edge: false }
            .with(header::CONTENT_TYPE.as_str(), content_type)
    }

    /// A model's refusal: 422 with the list of violations.
    pub fn violations(violations: &[Violation]) -> Self {
        let detail: Vec<Value> = violations.iter().map(Violation::to_json).collect();
        Self::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": detail }))
    }

    /// A `detail` that is only a string: authentication, not found, some media errors.
    pub fn bare(status: StatusCode, detail: &str) -> Self {
        Self::json(status, &json!({ "detail": detail }))
    }

    /// An error of fal's platform: a string with its `error_type`, which a header repeats.
    pub fn platform(status: u16, detail: &str, error_type: &str) -> Self {
        // 499 has no name in HTTP, so the statuses of these errors are numbers.
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::json(status, &json!({ "detail": detail, "error_type": error_type }))
            .with("x-fal-error-type", error_type)
    }

    /// A page of HTML from the proxy at the edge.
    pub fn edge_page(status: StatusCode) -> Self {
        let title = format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or_default());
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
             <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Self::raw(status, "text/html", page)
    }

    /// The same response as the edge sends it, which knows no request id.
    pub fn without_id(self) -> Self {
        Self { from_edge: true, ..self }
    }

    /// The same response with its request id, unless it comes from the edge.
    pub fn with_id(self, id: Uuid) -> Self {
        if self.from_edge { self } else { self.with("x-fal-request-id", &id.to_string()) }
    }

    /// The same response with one more header. A value that no header may have is left out.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl IntoResponse for FalResponse {
    fn into_response(self) -> Response {
        (self.status, *self.headers, Body::from(self.body)).into_response()
    }
}
