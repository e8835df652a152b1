//! Problem details (RFC 9457): the form of every error response, and the table of their codes.

use std::time::Duration;

use lambda_http::Body;
use lambda_http::http::StatusCode;
use serde_json::{Value, json};
use strum::VariantArray;

use super::{Detail, Language, Response};
use crate::ledger::Failure;

/// The codes by which clients tell problems apart. Names and statuses are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Code {
    MalformedRequest,
    Unauthenticated,
    InsufficientCoins,
    NoPromptLog,
    NotFound,
    MethodNotAllowed,
    UnsupportedMediaType,
    GenerationInProgress,
    PayloadTooLarge,
    InvalidRequest,
    InvalidImage,
    ContentRejected,
    IdempotencyKeyReused,
    TooManyGenerations,
    TooManyFailures,
    ImageProviderFailed,
    ImageProviderBusy,
    TryAgain,
    ImageProviderTimeout,
    InternalError,
}

impl Code {
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Status and name of every code; and `Retry-After` in seconds, where a retry helps.
    const fn row(self) -> (u16, &'static str, Option<u32>) {
        match self {
            Self::MalformedRequest => (400, "malformed_request", None),
            Self::Unauthenticated => (401, "unauthenticated", None),
            Self::InsufficientCoins => (403, "insufficient_coins", None),
            Self::NoPromptLog => (404, "no_prompt_log", None),
            Self::NotFound => (404, "not_found", None),
            Self::MethodNotAllowed => (405, "method_not_allowed", None),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", None),
            Self::GenerationInProgress => (409, "generation_in_progress", Some(3)),
            Self::PayloadTooLarge => (413, "payload_too_large", None),
            Self::InvalidRequest => (422, "invalid_request", None),
            Self::InvalidImage => (422, "invalid_image", None),
            Self::ContentRejected => (422, "content_rejected", None),
            Self::IdempotencyKeyReused => (422, "idempotency_key_reused", None),
            Self::TooManyGenerations => (429, "too_many_generations", Some(5)),
            // The budget's end is known when it is refused.
            Self::TooManyFailures => (429, "too_many_failures", Some(3_600)),
            Self::ImageProviderFailed => (502, "image_provider_failed", None),
            Self::ImageProviderBusy => (503, "image_provider_busy", Some(10)),
            Self::TryAgain => (503, "try_again", Some(2)),
            Self::ImageProviderTimeout => (504, "image_provider_timeout", None),
            Self::InternalError => (500, "internal_error", None),
        }
    }

    pub const fn name(self) -> &'static str {
        self.row().1
    }

    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// An error response: the texts for a person, and the cause for the log.
#[derive(Debug)]
pub struct Problem {
    detail: Detail,
    about: String,
    cause: Option<String>,
    alarm: Option<&'static str>,
    may_be_billed: bool,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem with a detail that is safe to show a person.
    pub fn new(detail: Detail) -> Self {
        let headers = detail.code().row().2.map(|seconds| ("retry-after", seconds.to_string()));
        Self {
            detail,
            about: String::new(),
            cause: None,
            alarm: None,
            may_be_billed: false,
            members: Vec::new(),
            headers: headers.into_iter().collect(),
        }
    }

    /// A 500. The cause goes to the log only; the response's text is constant.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Detail::Internal).caused_by(cause)
    }

    /// Names what the problem is about, where its text has a place for it.
    pub fn about(mut self, what: impl Into<String>) -> Self {
        self.about = what.into();
        self
    }

    /// Adds the cause, for the log only.
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Names the alarm that an operator must act on.
    pub fn alarming(mut self, alarm: &'static str) -> Self {
        self.alarm = Some(alarm);
        self
    }

    /// Says whether fal may bill what led to the problem, though nobody pays for it.
    pub fn billed(mut self, may_be_billed: bool) -> Self {
        self.may_be_billed = may_be_billed;
        self
    }

    /// The problem as the failure of an attempt.
    pub fn as_failure(&self) -> Failure<'static> {
        Failure { code: self.code().name(), may_be_billed: self.may_be_billed }
    }

    /// Says after how long a retry helps, in place of the code's usual time.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.headers.retain(|(name, _)| *name != "retry-after");
        self.header("retry-after", (wait.as_secs() + 1).to_string())
    }

    /// Adds a member that clients need to act.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn code(&self) -> Code {
        self.detail.code()
    }

    /// Logs the problem once, here at the boundary, and turns it into a response in `language`.
    pub fn into_response(self, language: Language) -> Response {
        let (status, code, _) = self.code().row();
        let detail = |language| self.detail.text().in_language(language).replace("{}", &self.about);
        let cause = self.cause.clone().unwrap_or_else(|| detail(Language::English));
        if self.code().status().is_server_error() {
            tracing::error!(status, code, cause, alarm = self.alarm, "request failed");
        } else {
            tracing::info!(status, code, cause, "request refused");
        }
        let title = self.code().title().in_language(language);
        let mut body = json!({
            "type": format!("urn:potret:problem:{code}"),
            "title": title, "status": status, "detail": detail(language), "code": code,
        });
        for (name, value) in self.members {
            body[name] = value;
        }
        let mut response = lambda_http::Response::builder()
            .status(self.detail.code().status())
            .header("content-type", "application/problem+json")
            .header("content-language", language.tag())
            .header("vary", "accept-language")
            .header("cache-control", "no-store");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(body.to_string())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_codes_is_the_contract() {
        let lines: Vec<_> =
            Code::ALL.iter().map(|code| format!("{} {}", code.row().0, code.name())).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        400 malformed_request
        401 unauthenticated
        403 insufficient_coins
        404 no_prompt_log
        404 not_found
        405 method_not_allowed
        415 unsupported_media_type
        409 generation_in_progress
        413 payload_too_large
        422 invalid_request
        422 invalid_image
        422 content_rejected
        422 idempotency_key_reused
        429 too_many_generations
        429 too_many_failures
        502 image_provider_failed
        503 image_provider_busy
        503 try_again
        504 image_provider_timeout
        500 internal_error
        ");
    }

    #[test]
    fn the_cause_stays_out_of_the_response() {
        let response = Problem::internal("secret chain of errors").into_response(Language::English);
        assert_eq!(response.status(), 500);
        let Body::Text(body) = response.into_body() else { panic!("a text") };
        assert!(!body.contains("secret"), "{body}");
    }

    #[test]
    fn retryable_errors_carry_retry_after() {
        for detail in Detail::ALL.iter().copied() {
            let response = Problem::new(detail).into_response(Language::Indonesian);
            let waits = matches!(detail.code().row().0, 409 | 429 | 503);
            assert_eq!(response.headers().contains_key("retry-after"), waits, "{detail:?}");
            assert_eq!(response.headers()["content-language"], "id");
        }
    }
}
