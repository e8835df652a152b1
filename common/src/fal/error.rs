//! fal's failures, told apart by the shape of their body's `detail`. Its wording, which could hold a user's
//! data, is never used.

use std::fmt;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::metrics::Metric;

/// Most faults of one response whose types are named. A response of a megabyte has room for fifty thousand.
const MAX_NAMED_FAULTS: usize = 5;

/// The kinds of failure that we treat differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FalErrorKind {
    /// fal does not accept our key. An operator must act.
    KeyRefused,
    /// The account is locked, mostly because its balance is used up. An operator must pay.
    AccountLocked,
    /// The account's limit of parallel requests, or no runner free.
    Busy,
    /// The prompt or the picture was rejected as unsafe.
    ContentRejected,
    /// A photo could not be fetched or read.
    PhotoRefused,
    /// The prompt was refused for something other than its content: it is too long, for example.
    PromptRefused,
    LorasRefused,
    Timeout,
    /// Anything else: an error of fal's, an unknown endpoint, a response that makes no sense.
    Failed,
}

impl FalErrorKind {
    /// The metric that counts this kind.
    pub(crate) fn metric(&self) -> Metric {
        match self {
            Self::KeyRefused => Metric::FalKeyRefused,
            Self::AccountLocked => Metric::FalAccountLocked,
            Self::Busy => Metric::FalBusy,
            Self::ContentRejected | Self::PhotoRefused | Self::PromptRefused | Self::LorasRefused => {
                Metric::FalRejected
            }
            Self::Timeout => Metric::FalTimeout,
            Self::Failed => Metric::FalFailed,
        }
    }

    /// Whether fal may bill a failure of this kind that we found ourselves, after the request was sent.
    fn may_be_billed(&self) -> bool {
        !matches!(self, Self::KeyRefused | Self::AccountLocked | Self::Busy)
    }
}

/// Whether the same request may be sent again without making, and paying for, two pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// No: the request may have run, or will never run.
    Never,
    Once,
    /// As often as the deadline allows.
    Backoff,
}

/// A failed request to fal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct FalError {
    pub kind: FalErrorKind,
    /// fal's id of the request, if fal responded.
    pub request_id: Option<String>,
    /// What happened: our own words, or fal's error types.
    pub reason: String,
    /// Whether fal may bill the request although it failed. fal does not bill a request that it did not run, nor an
    /// error of its own (a status from 500 on); it may bill a 422 that a runner worked on, a picture that is blacked
    /// out, and whatever we stopped waiting for.
    pub may_be_billed: bool,
    pub(super) retry: Retry,
}

impl fmt::Display for FalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl FalError {
    /// An error that we found ourselves. The request is not sent again.
    pub(super) fn new(kind: FalErrorKind, reason: impl Into<String>) -> Self {
        let may_be_billed = kind.may_be_billed();
        Self { kind, request_id: None, reason: reason.into(), may_be_billed, retry: Retry::Never }
    }

    pub(super) fn timeout() -> Self {
        Self::new(FalErrorKind::Timeout, "the deadline passed")
    }

    /// Reads a response whose status is neither 200 nor 202.
    pub(super) fn of_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let detail = serde_json::from_slice::<Body>(body).unwrap_or_default();
        let platform_type = header(headers, "x-fal-error-type").or(detail.error_type.as_deref());
        let kind = kind(status, headers, &detail.detail, platform_type);
        let named = faults(&detail.detail).map(|fault| fault.kind).take(MAX_NAMED_FAULTS);
        let types: Vec<_> = named.chain(platform_type.map(str::to_owned)).collect();
        let types = types.iter().map(|name| safe(name)).collect::<Vec<_>>().join(", ");
        Self {
            retry: retry(status, headers, &kind),
            may_be_billed: status == StatusCode::UNPROCESSABLE_ENTITY || status.is_success(),
            kind,
            request_id: request_id(headers),
            reason: format!("fal answered {} ({types})", status.as_u16()),
        }
    }
}

/// A header of fal's as an identifier, which may have slashes.
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    header(headers, name).map(|text| text.split('/').map(safe).collect::<Vec<_>>().join("/"))
}

/// fal's id of a request, from the response's headers.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    header(headers, "x-fal-request-id").map(safe)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Upstream text made fit for a log: an identifier, cut short.
pub(super) fn safe(text: &str) -> String {
    text.chars().filter(|char| char.is_ascii_alphanumeric() || "-_.".contains(*char)).take(80).collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    detail: Value,
    error_type: Option<String>,
}

/// One entry of a model's list of faults. `msg` and `input` are not read: they echo the request.
#[derive(Deserialize)]
struct ModelFault {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    loc: Vec<Value>,
}

fn faults(detail: &Value) -> impl Iterator<Item = ModelFault> {
    let list = detail.as_array().into_iter().flatten();
    list.filter_map(|fault| serde_json::from_value(fault.clone()).ok())
}

fn kind(
    status: StatusCode,
    headers: &HeaderMap,
    detail: &Value,
    platform_type: Option<&str>,
) -> FalErrorKind {
    match status.as_u16() {
        401 => FalErrorKind::KeyRefused,
        403 if detail.as_str().is_some_and(|text| text.to_ascii_lowercase().contains("locked")) => {
            FalErrorKind::AccountLocked
        }
        429 | 503 => FalErrorKind::Busy,
        504 if header(headers, "x-fal-request-timeout-type") == Some("user") => FalErrorKind::Timeout,
        400..500 => {
            let from_list = faults(detail).find_map(|fault| kind_of_fault(&fault.kind, &fault.loc));
            let from_platform = || platform_type.and_then(|name| kind_of_fault(name, &[]));
            let unloadable = || detail.as_str().is_some_and(|text| text.starts_with("Could not load image"));
            from_list
                .or_else(from_platform)
                .or_else(|| unloadable().then_some(FalErrorKind::PhotoRefused))
                .unwrap_or(FalErrorKind::Failed)
        }
        _ => FalErrorKind::Failed,
    }
}

fn kind_of_fault(kind: &str, loc: &[Value]) -> Option<FalErrorKind> {
    let field = loc.get(1).and_then(Value::as_str);
    match (kind, field) {
        ("content_policy_violation", _) => Some(FalErrorKind::ContentRejected),
        (kind, _) if kind.starts_with("image_") || kind.starts_with("file_") => {
            Some(FalErrorKind::PhotoRefused)
        }
        ("unsupported_image_format" | "no_media_generated" | "face_detection_error", _) => {
            Some(FalErrorKind::PhotoRefused)
        }
        (_, Some("prompt")) => Some(FalErrorKind::PromptRefused),
        (_, Some("loras")) => Some(FalErrorKind::LorasRefused),
        _ => None,
    }
}

/// fal's rules: a request with a 429 or 503 did not run; a 500 says itself whether it may be repeated; after
/// a 502 or 504 the request may be running, and a repeat would make and bill a second picture.
fn retry(status: StatusCode, headers: &HeaderMap, kind: &FalErrorKind) -> Retry {
    match status.as_u16() {
        429 | 503 if *kind == FalErrorKind::Busy => Retry::Backoff,
        500 if header(headers, "x-fal-retryable").is_some_and(|value| value.eq_ignore_ascii_case("true")) => {
            Retry::Once
        }
        _ => Retry::Never,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn read(status: u16, headers: &[(&'static str, &'static str)], body: &Value) -> FalError {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        let status = StatusCode::from_u16(status).expect("a status");
        FalError::of_response(status, &headers.collect(), body.to_string().as_bytes())
    }

    fn of_type(kind: &str, loc: Value) -> Value {
        json!({"detail": [{"loc": loc, "msg": "echo: SECRET", "type": kind, "input": "SECRET", "ctx": {}}]})
    }

    #[test]
    fn every_documented_shape_is_told_apart() {
        use FalErrorKind::*;
        let body = |name| of_type(name, json!(["body", "image_urls", 0]));
        let locked = json!({"detail": "User is locked. Reason: Exhausted balance. Top up"});
        let table = [
            (401, json!({"detail": "Cannot access application. Authentication is required"}), KeyRefused),
            (403, locked, AccountLocked),
            (403, json!({"detail": "Forbidden"}), Failed),
            (404, json!({"detail": "Application not found"}), Failed),
            (422, body("content_policy_violation"), ContentRejected),
            (422, body("image_too_large"), PhotoRefused),
            (422, body("image_load_error"), PhotoRefused),
            (422, body("file_download_error"), PhotoRefused),
            (
                422,
                json!({"detail": "Could not load image from url: https://b/x?X-Amz-Signature=SECRET"}),
                PhotoRefused,
            ),
            (422, of_type("string_too_long", json!(["body", "prompt"])), PromptRefused),
            (422, of_type("less_than_equal", json!(["body", "loras", 0, "scale"])), LorasRefused),
            (422, of_type("less_than_equal", json!(["body", "num_inference_steps"])), Failed),
            (429, json!({"detail": "limit", "error_type": "concurrency_limit"}), Busy),
            (500, json!({"detail": "boom", "error_type": "internal_server_error"}), Failed),
            (502, json!("<html>SECRET</html>"), Failed),
            (503, json!({"detail": "runner", "error_type": "runner_unavailable"}), Busy),
            (504, Value::Null, Failed),
        ];
        for (status, body, kind) in table {
            let error = read(status, &[("x-fal-request-id", "req-1")], &body);
            assert_eq!(error.kind, kind, "{status} {body}");
            assert_eq!(error.request_id.as_deref(), Some("req-1"));
            assert!(!format!("{error:?} {error}").contains("SECRET"), "{error:?}");
        }
    }

    #[test]
    fn only_requests_that_did_not_run_are_sent_again() {
        let none = Value::Null;
        assert_eq!(read(429, &[("x-fal-needs-retry", "1")], &none).retry, Retry::Backoff);
        assert_eq!(read(503, &[], &none).retry, Retry::Backoff);
        assert_eq!(read(500, &[("x-fal-retryable", "true")], &none).retry, Retry::Once);
        for status in [401, 403, 404, 422, 500, 502, 504] {
            assert_eq!(read(status, &[], &none).retry, Retry::Never, "{status}");
        }
        let user = read(504, &[("x-fal-request-timeout-type", "user")], &none);
        assert_eq!((user.kind, user.retry), (FalErrorKind::Timeout, Retry::Never));
    }

    #[test]
    fn a_response_with_thousands_of_faults_makes_a_short_log_line() {
        let fault = json!({"loc": ["body"], "type": "x".repeat(1_000)});
        let error = read(422, &[], &json!({"detail": vec![fault; 1_000]}));
        assert_eq!(error.reason, format!("fal answered 422 ({})", vec!["x".repeat(80); 5].join(", ")));
    }

    #[test]
    fn upstream_text_in_a_header_is_cut_to_an_identifier() {
        let error = read(
            500,
            &[("x-fal-error-type", "a b\"c; DROP"), ("x-fal-request-id", "<script>")],
            &Value::Null,
        );
        assert_eq!(
            (error.reason.as_str(), error.request_id.as_deref()),
            ("fal answered 500 (abcDROP)", Some("script"))
        );
    }
}
