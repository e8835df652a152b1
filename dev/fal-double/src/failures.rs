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

/// The responses of fal's edge and scheduler, which come at once, before the model sees the request.
pub fn before_the_run(fault: Option<Fault>, endpoint: &str, public_url: &Url) -> Option<FalResponse> {
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
        Fault::Unavailable => FalResponse::platform(
            StatusCode::SERVICE_UNAVAILABLE,
            "No runner could be allocated to handle the request",
            "runner_scheduling_failure",
        ),
        Fault::StartTimeout => start_timeout(),
        Fault::Redirect => {
            let target = format!("{}/redirected", public_url.as_str().trim_end_matches('/'));
            FalResponse::raw(StatusCode::TEMPORARY_REDIRECT, "text/plain", "").with("location", &target)
        }
        _ => return None,
    };
    Some(response)
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
        Fault::InternalError => FalResponse::platform(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal Server Error",
            "internal_error",
        ),
        Fault::BadGateway => FalResponse::edge_page(StatusCode::BAD_GATEWAY),
        Fault::GatewayTimeout => FalResponse::edge_page(StatusCode::GATEWAY_TIMEOUT),
        Fault::Nonsense => {
            FalResponse::raw(StatusCode::OK, "application/json", "{\"images\": [{\"url\": NaN,,")
        }
        Fault::NoImages => FalResponse::json(StatusCode::OK, &json!({ "images": [] })),
        Fault::ForeignScheme => {
            FalResponse::json(StatusCode::OK, &json!({ "images": [{ "url": "javascript:alert(1)" }] }))
        }
        _ => return None,
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
    let detail = "Request did not start within the requested timeout";
    FalResponse::platform(StatusCode::GATEWAY_TIMEOUT, detail, "startup_timeout")
        .with("x-fal-request-timeout-type", "user")
}

/// 422 for the photo at `index`, with its URL.
pub fn photo_refused(job: &Job, index: usize, refusal: Refusal) -> FalResponse {
    let input = job.photos().nth(index).map_or(Value::Null, Value::from);
    FalResponse::violations(&[Violation { loc: job.loc_of_photo(index), refusal, input }])
}
