//! The routes of fal's queue: the status of a queued request, its result, its cancellation.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::models::Endpoint;
use super::responses::FalResponse;
use super::{FalDouble, locked};

/// How many queued requests are remembered; the oldest go first.
const MOST_QUEUED: usize = 500;

/// The queued requests, oldest first.
#[derive(Default)]
pub struct Queue(Mutex<IndexMap<Uuid, QueuedRequest>>);

struct QueuedRequest {
    endpoint: Endpoint,
    started: Instant,
    /// The model's response and how long it took, once it is there.
    outcome: Option<(FalResponse, Duration)>,
}

impl Queue {
    /// Records that a request runs.
    pub fn start(&self, id: Uuid, endpoint: Endpoint) {
        let mut queued = locked(&self.0);
        queued.insert(id, QueuedRequest { endpoint, started: Instant::now(), outcome: None });
        if queued.len() > MOST_QUEUED {
            queued.shift_remove_index(0);
        }
    }

    /// Records the model's response.
    pub fn complete(&self, id: Uuid, response: FalResponse) {
        if let Some(request) = locked(&self.0).get_mut(&id) {
            request.outcome = Some((response, request.started.elapsed()));
        }
    }

    fn respond(&self, wanted: &Wanted<'_>, public_url: &Url) -> FalResponse {
        let queued = locked(&self.0);
        let request = queued
            .get(&wanted.id)
            .filter(|request| wanted.app == request.endpoint.app() || wanted.app == request.endpoint.id());
        let Some(request) = request else {
            return not_found();
        };
        match (wanted.view, &request.outcome) {
            (View::Status, outcome) => status(wanted.id, request.endpoint, outcome.as_ref(), public_url),
            (View::Result, Some((response, _))) => response.clone(),
            (View::Result, None) => {
                FalResponse::bare(StatusCode::BAD_REQUEST, "Request is still in progress")
            }
            (View::Cancel, Some(_)) => {
                FalResponse::json(StatusCode::BAD_REQUEST, &json!({ "status": "ALREADY_COMPLETED" }))
            }
            // A running request is only asked to stop; these models finish it.
            (View::Cancel, None) => {
                FalResponse::json(StatusCode::ACCEPTED, &json!({ "status": "CANCELLATION_REQUESTED" }))
            }
        }
    }
}

/// `status_url`, `response_url` and `cancel_url` of a queued request. They name only `owner/alias`.
pub fn urls(id: Uuid, endpoint: Endpoint, public_url: &Url) -> Map<String, Value> {
    let base = public_url.as_str().trim_end_matches('/');
    let request = format!("{base}/{}/requests/{id}", endpoint.app());
    Map::from_iter([
        ("status_url".to_owned(), json!(format!("{request}/status"))),
        ("response_url".to_owned(), json!(request)),
        ("cancel_url".to_owned(), json!(format!("{request}/cancel"))),
    ])
}

/// 202 while the request runs, 200 when it is completed. A failed request is completed too, with `error`.
fn status(
    id: Uuid,
    endpoint: Endpoint,
    outcome: Option<&(FalResponse, Duration)>,
    public_url: &Url,
) -> FalResponse {
    let mut body = urls(id, endpoint, public_url);
    body.insert("request_id".to_owned(), json!(id));
    body.insert("logs".to_owned(), Value::Null);
    let Some((response, took)) = outcome else {
        body.insert("status".to_owned(), json!("IN_PROGRESS"));
        return FalResponse::json(StatusCode::ACCEPTED, &Value::Object(body));
    };
    body.insert("status".to_owned(), json!("COMPLETED"));
    body.insert("metrics".to_owned(), json!({ "inference_time": took.as_secs_f64() }));
    if !response.status.is_success() {
        let reason: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let message = reason["detail"][0]["msg"].as_str().or(reason["detail"].as_str());
        body.insert("error".to_owned(), json!(message.unwrap_or("Internal Server Error")));
    }
    FalResponse::json(StatusCode::OK, &Value::Object(body))
}

fn not_found() -> FalResponse {
    FalResponse::bare(StatusCode::NOT_FOUND, "Request not found")
}

/// The parts of a path of the queue.
struct Wanted<'p> {
    app: &'p str,
    id: Uuid,
    view: View,
}

#[derive(Clone, Copy)]
enum View {
    Status,
    Result,
    Cancel,
}

impl<'p> Wanted<'p> {
    /// Reads `{app}/requests/{id}` and `{app}/requests/{id}/{view}`. The app may be `owner/alias`, as fal's
    /// own URLs have it, or the whole endpoint id.
    fn parse(path: &'p str) -> Option<Self> {
        let (app, request) = path.split_once("/requests/")?;
        let (id, view) = match request.split_once('/') {
            None => (request, View::Result),
            Some((id, "status")) => (id, View::Status),
            Some((id, "cancel")) => (id, View::Cancel),
            Some(_) => return None,
        };
        Some(Self { app, id: id.parse().ok()?, view })
    }
}

/// `GET /{app}/requests/{id}`, `GET /{app}/requests/{id}/status` and `PUT /{app}/requests/{id}/cancel`.
pub async fn respond(
    State(fal): State<FalDouble>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> FalResponse {
    let allowed = |view| matches!(view, View::Cancel) == (method == Method::PUT);
    let Some(wanted) = Wanted::parse(&path).filter(|wanted| allowed(wanted.view)) else {
        return not_found();
    };
    match fal.check_key(&headers, wanted.app) {
        Err(refusal) => refusal,
        Ok(()) => {
            let response = fal.0.queue.respond(&wanted, &fal.0.public_url);
            response.with("x-fal-request-id", &wanted.id.to_string())
        }
    }
}
