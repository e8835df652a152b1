//! The body of fal's webhook: which job it is about, and what became of the job.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::error::{FalError, FalErrorKind};
use super::queue::is_sane;
use super::response::{Accepted, read};

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// fal's id of the job.
    pub request_id: String,
    pub report: Report,
}

/// What a webhook says of its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The picture is at this URL.
    Made(String),
    /// There will be no picture.
    Failed(FalError),
    /// It has ended, and fal's queue knows how: the webhook has no payload.
    Ended,
}

#[derive(Deserialize)]
struct Body {
    request_id: String,
    status: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    error: Option<String>,
}

impl Webhook {
    /// Reads a webhook's body; nothing if the body is not one.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let report = match body.status.as_str() {
            _ if body.payload.is_null() => Report::Ended,
            "OK" => match read(body.payload.to_string().as_bytes()) {
                Ok(Accepted::Picture(url)) => Report::Made(url),
                Ok(Accepted::Queued(_)) => Report::Ended,
                Err(error) => Report::Failed(error),
            },
            "ERROR" => Report::Failed(failure(&body)),
            _ => return None,
        };
        is_sane(&body.request_id).then_some(Self { request_id: body.request_id, report })
    }
}

/// The failure of a job, told apart as the response of the direct path is: by the model's status, which fal names
/// in its text, and by the payload.
fn failure(body: &Body) -> FalError {
    let named = body
        .error
        .as_deref()
        .and_then(|text| text.split(|char: char| !char.is_ascii_digit()).find_map(status));
    let of_faults = body.payload["detail"].is_array().then_some(StatusCode::UNPROCESSABLE_ENTITY);
    let status = named.or(of_faults).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = FalError::of_response(status, &HeaderMap::new(), body.payload.to_string().as_bytes());
    // Nobody refused our key or was too busy: the job ran.
    let kind = match error.kind {
        FalErrorKind::KeyRefused | FalErrorKind::AccountLocked | FalErrorKind::Busy => FalErrorKind::Failed,
        kind => kind,
    };
    FalError { kind, request_id: Some(body.request_id.clone()), ..error }
}

fn status(digits: &str) -> Option<StatusCode> {
    let status = StatusCode::from_u16(digits.parse().ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(body: Value) -> Option<Report> {
        let mut body = body;
        body["request_id"] = json!("r-1");
        Webhook::read(body.to_string().as_bytes()).map(|webhook| webhook.report)
    }

    fn kind(body: Value) -> FalErrorKind {
        match report(body) {
            Some(Report::Failed(error)) => error.kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_picture_is_found_and_a_null_payload_means_ask() {
        let url = "https://v3.fal.media/files/a.jpg";
        let ok = json!({"status": "OK", "payload": {"images": [{"url": url}], "has_nsfw_concepts": [false]}});
        assert_eq!(report(ok), Some(Report::Made(url.to_owned())));
        assert_eq!(
            report(json!({"status": "OK", "payload": null, "payload_error": "too large"})),
            Some(Report::Ended)
        );
        assert_eq!(report(json!({"status": "ERROR", "error": "x"})), Some(Report::Ended));
    }

    #[test]
    fn a_failure_is_told_apart_as_on_the_direct_path() {
        let fault = |kind: &str| json!({"detail": [{"loc": ["body", "prompt"], "type": kind, "msg": "m"}]});
        let error =
            |text: &str, payload: Value| json!({"status": "ERROR", "error": text, "payload": payload});
        let unprocessable = "Invalid status code: 422";
        assert_eq!(
            kind(error(unprocessable, fault("content_policy_violation"))),
            FalErrorKind::ContentRejected
        );
        assert_eq!(kind(error("failed", fault("string_too_long"))), FalErrorKind::PromptRefused);
        assert_eq!(kind(error("Invalid status code: 503", json!({"detail": "x"}))), FalErrorKind::Failed);
        let black = json!({"images": [{"url": "https://a/b.jpg"}], "has_nsfw_concepts": [true]});
        assert_eq!(kind(json!({"status": "OK", "payload": black})), FalErrorKind::ContentRejected);
    }

    #[test]
    fn what_is_no_webhook_is_not_read() {
        for body in [
            "",
            "[]",
            r#"{"request_id": "a/../b", "status": "OK"}"#,
            r#"{"request_id": "r", "status": "LOST", "payload": 1}"#,
        ] {
            assert_eq!(Webhook::read(body.as_bytes()), None, "{body}");
        }
    }
}
