//! The response of each fault: status, headers and body as in fal's documentation.

use axum::http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::faults::Fault;
use super::lax::Refusal;
use super::models::Job;
use super::photos;
use super::responses::FalResponse;
use super::schema::Violation;

/// The errors of fal's platform as its page "Request Error Types" lists them: fault, status, whether the model
/// had started, `detail`.
const PLATFORM_ERRORS: [(Fault, u16, bool, &str); 13] = [
    (Fault::RequestTimeout, 504, true, "Request timed out"),
    (Fault::StartTimeout, 504, false, "Request did not start within the requested timeout"),
    (Fault::Unavailable, 503, false, "No runner could be allocated to handle the request"),
    (Fault::RunnerConnectionTimeout, 503, false, "Connection to the runner timed out"),
    (Fault::RunnerDisconnected, 503, true, "Runner disconnected unexpectedly"),
    (Fault::RunnerConnectionRefused, 503, false, "Runner refused the connection"),
    (Fault::RunnerConnectionError, 503, false, "Could not connect to the runner"),
    (Fault::RunnerIncompleteResponse, 502, true, "Runner sent an incomplete response"),
    (Fault::RunnerServerError, 500, true, "Runner encountered an internal server error"),
    (Fault::ClientDisconnected, 499, true, "Client disconnected"),
    (Fault::ClientCancelled, 499, true, "Request was cancelled"),
    (Fault::BadRequest, 400, false, "Bad request"),
    (Fault::InternalError, 500, true, "Internal Server Error"),
];

/// The pages of the edge: fault, status, whether it is JSON.
const EDGE_PAGES: [(Fault, StatusCode, bool); 6] = [
    (Fault::EdgeBadGateway, StatusCode::BAD_GATEWAY, false),
    (Fault::EdgeUnavailable, StatusCode::SERVICE_UNAVAILABLE, false),
    (Fault::EdgeGatewayTimeout, StatusCode::GATEWAY_TIMEOUT, false),
    (Fault::EdgeBadGatewayJson, StatusCode::BAD_GATEWAY, true),
    (Fault::EdgeUnavailableJson, StatusCode::SERVICE_UNAVAILABLE, true),
    (Fault::EdgeGatewayTimeoutJson, StatusCode::GATEWAY_TIMEOUT, true),
];

/// The responses that come at once, before the request is given to a model or to the queue.
pub fn at_the_door(fault: Option<Fault>, endpoint: &str, redirected: &Url) -> Option<FalResponse> {
    let response = match fault? {
        Fault::BadKey => FalResponse::bare(StatusCode::UNAUTHORIZED, "No user found for Key ID and Secret"),
        Fault::AccountLocked => FalResponse::bare(
            StatusCode::FORBIDDEN,
            "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.",
        ),
        Fault::UnknownEndpoint => unknown_endpoint(endpoint),
        Fault::ConcurrencyLimit => FalResponse::json(
            StatusCode::TOO_MANY_REQUESTS,
            &json!({
                "detail": "Reached concurrent requests limit of 2",
                "type": "concurrent_requests_limit",
                "data": { "limit": 2 },
            }),
        )
        .with("x-fal-needs-retry", "1"),
        Fault::EdgeUnavailable | Fault::EdgeUnavailableJson => return edge(fault),
        Fault::Redirect => FalResponse::raw(StatusCode::TEMPORARY_REDIRECT, "text/plain", "")
            .with("location", redirected.as_str()),
        _ => return None,
    };
    Some(response)
}

/// The errors that the platform reports before a model has started.
pub fn before_the_run(fault: Option<Fault>) -> Option<FalResponse> {
    let error = PLATFORM_ERRORS.iter().find(|error| Some(error.0) == fault && !error.2)?;
    Some(platform(error.0))
}

/// A page of fal's edge.
pub fn edge(fault: Option<Fault>) -> Option<FalResponse> {
    let (_, status, json) = EDGE_PAGES.iter().find(|page| Some(page.0) == fault)?;
    let page = match json {
        true => FalResponse::json(*status, &json!({ "message": status.canonical_reason() })),
        false => FalResponse::edge_page(*status),
    };
    Some(page.without_id())
}

/// The response of an error of the platform; for any other fault, that of an internal error.
fn platform(fault: Fault) -> FalResponse {
    let [others @ .., internal] = &PLATFORM_ERRORS;
    let (fault, status, _, detail) = *others.iter().find(|error| error.0 == fault).unwrap_or(internal);
    match fault {
        Fault::StartTimeout => FalResponse::platform(status, detail, "startup_timeout")
            .with("x-fal-request-timeout-type", "user"),
        Fault::Unavailable => FalResponse::platform(status, detail, "runner_scheduling_failure"),
        // The other faults have the names of their error types.
        _ => FalResponse::platform(status, detail, fault.name()),
    }
}

/// The responses without a picture that come after the model's usual time.
pub fn instead_of_a_picture(fault: Option<Fault>, job: &Job, input: &Value) -> Option<FalResponse> {
    let response = match fault? {
        Fault::ContentPolicyViolation | Fault::QueuedFailing => {
            let msg = "The content could not be processed because it contained material flagged by a content \
                       checker.";
            FalResponse::violations(&[Violation {
                loc: vec![json!("body"), json!("prompt")],
                refusal: Refusal::new("content_policy_violation", msg),
                input: json!(job.prompt),
            }])
        }
        Fault::ImageLoadError => photo_refused(job, 0, photos::not_loaded()),
        Fault::FileDownloadError => photo_refused(job, 0, photos::not_downloaded()),
        Fault::ImageTooLarge => photo_refused(job, 0, photos::too_many_pixels()),
        Fault::ImageUrlEcho => {
            let url = job.photos().next().unwrap_or_default();
            let detail = format!("Could not load image from url: {url}");
            FalResponse::bare(StatusCode::UNPROCESSABLE_ENTITY, &detail)
        }
        Fault::InternalErrorRetryable => {
            let violation = Violation {
                loc: vec![json!("body")],
                refusal: Refusal::new("internal_server_error", "Internal server error"),
                input: input.clone(),
            };
            let mut response = FalResponse::violations(&[violation]).with("x-fal-retryable", "true");
            response.status = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
        Fault::BadGateway => FalResponse::edge_page(StatusCode::BAD_GATEWAY),
        Fault::GatewayTimeout => FalResponse::edge_page(StatusCode::GATEWAY_TIMEOUT),
        Fault::Nonsense => {
            FalResponse::raw(StatusCode::OK, "application/json", "{\"images\": [{\"url\": NaN,,")
        }
        Fault::NoImages => FalResponse::json(StatusCode::OK, &json!({ "images": [] })),
        Fault::ForeignScheme => {
            FalResponse::json(StatusCode::OK, &json!({ "images": [{ "url": "javascript:alert(1)" }] }))
        }
        fault if PLATFORM_ERRORS.iter().any(|error| error.0 == fault) => platform(fault),
        _ => return edge(fault),
    };
    Some(response)
}

/// The body with a picture, in the unusual shape of the fault.
pub fn reshape(fault: Option<Fault>, mut body: Value) -> Value {
    let image = body["images"][0].clone();
    match fault {
        Some(Fault::SingleImage) => json!({ "image": image, "prompt": body["prompt"] }),
        Some(Fault::BareUrl) => json!({ "url": image["url"] }),
        Some(Fault::OversizedAnswer) => {
            /// 20 MB, far above any response of fal.
            const PADDING: usize = 20_000_000;
            body["padding"] = Value::String("a".repeat(PADDING));
            body
        }
        _ => body,
    }
}

pub fn unknown_endpoint(endpoint: &str) -> FalResponse {
    FalResponse::bare(StatusCode::NOT_FOUND, &format!("Application \"{endpoint}\" not found"))
}

/// The request did not start within the time that its `X-Fal-Request-Timeout` allowed.
pub fn start_timeout() -> FalResponse {
    platform(Fault::StartTimeout)
}

/// The double itself failed.
pub fn internal_error() -> FalResponse {
    platform(Fault::InternalError)
}

/// A job was cancelled before it ran.
pub fn cancelled() -> FalResponse {
    platform(Fault::ClientCancelled)
}

/// `X-Fal-Request-Timeout` is not a number of seconds above 0.1.
pub fn bad_timeout() -> FalResponse {
    const DETAIL: &str = "X-Fal-Request-Timeout must be a number of seconds above 0.1";
    FalResponse::platform(400, DETAIL, "bad_request")
}

/// 422 for the photo at `index`, with its URL.
pub fn photo_refused(job: &Job, index: usize, refusal: Refusal) -> FalResponse {
    let input = job.photos().nth(index).map_or(Value::Null, Value::from);
    FalResponse::violations(&[Violation { loc: job.loc_of_photo(index), refusal, input }])
}
