//! What each fault answers: the statuses, headers and bodies of fal's documentation.

use axum::http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::answers::Answer;
use super::faults::Fault;
use super::fields::Problem;
use super::models::Job;
use super::photos::PhotoError;

/// The faults that fal's edge and scheduler answer at once, before the model sees the request.
pub fn before_the_run(fault: Fault, endpoint: &str, public_url: &Url) -> Option<Answer> {
    let answer = match fault {
        Fault::BadKey => Answer::bare(StatusCode::UNAUTHORIZED, "No user found for Key ID and Secret"),
        Fault::AccountLocked => Answer::bare(
            StatusCode::FORBIDDEN,
            "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.",
        ),
        Fault::UnknownEndpoint => unknown_endpoint(endpoint),
        Fault::ConcurrencyLimit => Answer::json(
            StatusCode::TOO_MANY_REQUESTS,
            &json!({
                "detail": "Reached concurrent requests limit of 2",
                "type": "concurrent_requests_limit",
                "data": { "limit": 2 },
            }),
        )
        .with("x-fal-needs-retry", "1"),
        Fault::Unavailable => Answer::platform(
            StatusCode::SERVICE_UNAVAILABLE,
            "No runner could be allocated to handle the request",
            "runner_scheduling_failure",
        ),
        Fault::StartTimeout => start_timeout(),
        Fault::Redirect => {
            let target = format!("{}/redirected", public_url.as_str().trim_end_matches('/'));
            Answer::raw(StatusCode::TEMPORARY_REDIRECT, "text/plain", "").with("location", &target)
        }
        _ => return None,
    };
    Some(answer)
}

/// The faults that show after the model worked for its usual time, and leave no picture behind.
pub fn instead_of_a_picture(fault: Fault, job: &Job, input: &Value) -> Option<Answer> {
    let answer = match fault {
        Fault::ContentPolicyViolation | Fault::QueuedFailing => Answer::problems(&[Problem {
            loc: vec![json!("body"), json!("prompt")],
            msg: "The content could not be processed because it contained material flagged by a content \
                  checker."
                .to_owned(),
            kind: "content_policy_violation",
            ctx: None,
            input: json!(job.prompt),
        }]),
        Fault::ImageLoadError => photo_refused(job, 0, PhotoError::Load),
        Fault::FileDownloadError => photo_refused(job, 0, PhotoError::Download),
        Fault::ImageTooLarge => photo_refused(job, 0, PhotoError::TooManyPixels),
        Fault::ImageUrlEcho => {
            let url = job.photos.first().map_or("", |photo| &photo.url);
            let detail = format!("Could not load image from url: {url}");
            Answer::bare(StatusCode::UNPROCESSABLE_ENTITY, &detail)
        }
        Fault::InternalErrorRetryable => {
            let problem = Problem {
                loc: vec![json!("body")],
                msg: "Internal server error".to_owned(),
                kind: "internal_server_error",
                ctx: None,
                input: input.clone(),
            };
            let mut answer = Answer::problems(&[problem]).with("x-fal-retryable", "true");
            answer.status = StatusCode::INTERNAL_SERVER_ERROR;
            answer
        }
        Fault::InternalError => {
            Answer::platform(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", "internal_error")
        }
        Fault::BadGateway => Answer::edge_page(StatusCode::BAD_GATEWAY),
        Fault::GatewayTimeout => Answer::edge_page(StatusCode::GATEWAY_TIMEOUT),
        Fault::Nonsense => Answer::raw(StatusCode::OK, "application/json", "{\"images\": [{\"url\": NaN,,"),
        Fault::NoImages => Answer::json(StatusCode::OK, &json!({ "images": [] })),
        Fault::ForeignScheme => {
            Answer::json(StatusCode::OK, &json!({ "images": [{ "url": "javascript:alert(1)" }] }))
        }
        _ => return None,
    };
    Some(answer)
}

/// The faults that change the shape of an answer that has a picture.
pub fn reshape(fault: Fault, mut answer: Value) -> Value {
    let image = answer["images"][0].clone();
    match fault {
        Fault::SingleImage => json!({ "image": image, "prompt": answer["prompt"] }),
        Fault::BareUrl => json!({ "url": image["url"] }),
        Fault::OversizedAnswer => {
            /// 20 MB, far above any answer that fal gives.
            const PADDING: usize = 20_000_000;
            answer["padding"] = Value::String("a".repeat(PADDING));
            answer
        }
        _ => answer,
    }
}

/// No such app.
pub fn unknown_endpoint(endpoint: &str) -> Answer {
    Answer::bare(StatusCode::NOT_FOUND, &format!("Application \"{endpoint}\" not found"))
}

/// The request did not start within the time that its `X-Fal-Request-Timeout` allowed.
pub fn start_timeout() -> Answer {
    let detail = "Request did not start within the requested timeout";
    Answer::platform(StatusCode::GATEWAY_TIMEOUT, detail, "startup_timeout")
        .with("x-fal-request-timeout-type", "user")
}

/// 422 for the photo at `index`, its URL echoed.
pub fn photo_refused(job: &Job, index: usize, error: PhotoError) -> Answer {
    let photo = job.photos.get(index);
    Answer::problems(&[Problem {
        loc: photo.map_or_else(|| vec![json!("body")], |photo| photo.loc.clone()),
        msg: error.to_string(),
        kind: error.kind(),
        ctx: error.ctx(),
        input: photo.map_or(Value::Null, |photo| json!(photo.url)),
    }])
}
