//! fal's queue: a job is accepted at once, and its status, result, cancellation and webhook come later.
//!
//! The model checks the input only when the job runs, so an invalid input is a completed job whose result is
//! 422. The key and the endpoint are checked at the submission.

mod jobs;
mod stream;
mod webhooks;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

pub use self::jobs::{Cancellation, Jobs, QueueSettings, Stage, View, Work};
pub use self::webhooks::{
    Delivery, JWKS_PATH, Signer, StrangeWebhook, WEBHOOK_USER, WebhookBehaviour, Webhooks,
};

use super::faults::Fault;
use super::generate::{respond_with, stores_io};
use super::models::Endpoint;
use super::requests::Entry;
use super::responses::FalResponse;
use super::{FalDouble, failures};

/// Where the queue is, below [`Settings::public_url`](crate::Settings::public_url).
pub const QUEUE_PATH: &str = "/_queue";

/// The routes of the queue's host.
pub fn routes() -> Router<FalDouble> {
    Router::new().route("/{*path}", post(submit).get(follow).put(cancel))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    fal_webhook: Option<String>,
    /// `1` or `true` for the logs; the official clients differ.
    logs: String,
}

/// `POST /{endpoint}`.
async fn submit(
    State(fal): State<FalDouble>,
    Path(path): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let entry = fal.0.log.open(&path, &headers, &body);
    entry.update(|record| {
        record.queued = true;
        record.webhook.clone_from(&asked.fal_webhook);
    });
    let response = fal.accept(&entry, &path, asked.fal_webhook, &headers, body).await;
    respond_with(&entry, response)
}

/// `GET /{app}/requests/{id}`, the same with `/response`, `/status` or `/status/stream`.
async fn follow(
    State(fal): State<FalDouble>,
    Path(path): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, FalResponse> {
    let logs = matches!(asked.logs.as_str(), "1" | "true");
    let (wanted, view) = fal.find(&path, &headers)?;
    let response = match wanted.part {
        "status" => fal.status(wanted.id, &view, logs),
        "status/stream" => return Ok(stream::of_statuses(fal, wanted.id, logs)),
        "" | "response" => match view.stage {
            Stage::Completed { response, .. } => response,
            _ => FalResponse::bare(StatusCode::BAD_REQUEST, "Request is still in progress"),
        },
        _ => not_found(),
    };
    Ok(response.with_id(wanted.id).into_response())
}

/// `PUT /{app}/requests/{id}/cancel`.
async fn cancel(State(fal): State<FalDouble>, Path(path): Path<String>, headers: HeaderMap) -> FalResponse {
    let (status, word) = match fal.find(&path, &headers) {
        Err(refusal) if refusal.status != StatusCode::NOT_FOUND => return refusal,
        Ok((Wanted { id, part: "cancel", .. }, _)) => match fal.0.jobs.cancel(id) {
            Cancellation::Requested => (StatusCode::ACCEPTED, "CANCELLATION_REQUESTED"),
            Cancellation::TooLate => (StatusCode::BAD_REQUEST, "ALREADY_COMPLETED"),
        },
        _ => (StatusCode::NOT_FOUND, "NOT_FOUND"),
    };
    FalResponse::json(status, &json!({ "status": word }))
}

fn not_found() -> FalResponse {
    FalResponse::bare(StatusCode::NOT_FOUND, "Request not found")
}

/// The parts of a path of the queue.
struct Wanted<'p> {
    app: &'p str,
    id: Uuid,
    /// What follows the id, such as `status`.
    part: &'p str,
}

impl<'p> Wanted<'p> {
    /// Reads `{app}/requests/{id}/{part}`. The app may be `owner/alias`, as fal's own URLs have it, or the
    /// whole endpoint id.
    fn parse(path: &'p str) -> Option<Self> {
        let (app, request) = path.split_once("/requests/")?;
        let (id, part) = request.split_once('/').unwrap_or((request, ""));
        Some(Self { app, id: id.parse().ok()?, part })
    }
}

impl FalDouble {
    /// The base URL of the queue, in the place of `https://queue.fal.run`.
    pub fn queue_url(&self) -> Url {
        self.below(QUEUE_PATH)
    }

    /// How many jobs run at once from now on; the others wait in order. 0 stops the queue, and `None` means
    /// as many as there are.
    pub fn set_concurrency(&self, concurrency: Option<usize>) {
        self.0.jobs.change_settings(|settings| settings.concurrency = concurrency);
        self.start_jobs();
    }

    /// The jobs that somebody asked to cancel, in order, whether it was too late or not.
    pub fn cancellations(&self) -> Vec<Uuid> {
        self.0.jobs.cancellations()
    }

    /// How long a completed job can be asked for; `None` means as long as fal keeps it, see [the queue](crate#the-queue).
    pub fn set_result_ttl(&self, ttl: Option<Duration>) {
        let milliseconds = ttl.map(|ttl| ttl.as_millis() as u64);
        self.0.jobs.change_settings(|settings| settings.result_ttl_milliseconds = milliseconds);
    }

    /// The response to a submission, or `None` to close the connection without one.
    async fn accept(
        &self,
        entry: &Entry,
        path: &str,
        webhook: Option<String>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<FalResponse> {
        let (endpoint, fault, start_within) = match self.admit(entry, path, headers) {
            Ok(admitted) => admitted,
            Err(refusal) => return Some(refusal),
        };
        let id = entry.request_id;
        let webhook = webhook.map(|url| (url, self.0.webhooks.behaviour()));
        let before_reply = webhook.as_ref().is_some_and(|(_, behaviour)| behaviour.comes_before_the_reply());
        let edge = failures::edge(fault);
        // Only the reply is lost at the edge: the job is well.
        let fault_of_job = fault.filter(|_| edge.is_none());
        let stores_io = stores_io(headers);
        let work = Work { id, endpoint, body, fault: fault_of_job, webhook, stores_io };
        let position = self.enqueue(work, start_within);
        if before_reply {
            self.0.webhooks.delivered(id).await;
        }
        let mut ticket = self.urls(id, endpoint);
        ticket["request_id"] = json!(id);
        ticket["gateway_request_id"] = json!(id);
        ticket["status"] = json!("IN_QUEUE");
        ticket["queue_position"] = json!(position);
        match fault {
            Some(Fault::ConnectionClosed) => None,
            _ => Some(edge.unwrap_or_else(|| FalResponse::json(StatusCode::OK, &ticket))),
        }
    }

    /// Adds a job, and returns how many wait before it. A job that does not start within its time ends.
    pub(crate) fn enqueue(&self, work: Work, start_within: Option<Duration>) -> usize {
        let id = work.id;
        let position = self.0.jobs.add(work);
        if let Some(limit) = start_within {
            let fal = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(limit).await;
                if let Some(work) = fal.0.jobs.withdraw(id, failures::start_timeout()) {
                    fal.notify(work, &failures::start_timeout()).await;
                }
            });
        }
        self.start_jobs();
        position
    }

    /// Starts as many of the waiting jobs as may run.
    fn start_jobs(&self) {
        while let Some(work) = self.0.jobs.next() {
            let fal = self.clone();
            tokio::spawn(async move {
                let response = fal.work(work.id, work.endpoint, &work.body, work.fault).await;
                fal.0.jobs.complete(work.id, response.clone());
                fal.start_jobs();
                fal.notify(work, &response).await;
            });
        }
    }

    async fn notify(&self, work: Work, response: &FalResponse) {
        if let Some((url, behaviour)) = work.webhook {
            self.0.webhooks.announce(work.id, url, behaviour, response).await;
        }
    }

    /// The job that a path names, if the key is right.
    fn find<'p>(&self, path: &'p str, headers: &HeaderMap) -> Result<(Wanted<'p>, View), FalResponse> {
        let wanted = Wanted::parse(path).ok_or_else(not_found)?;
        self.check_key(headers, wanted.app)?;
        let view = self.0.jobs.view(wanted.id).ok_or_else(not_found)?;
        match [view.endpoint.app(), view.endpoint.id()].contains(&wanted.app) {
            true => Ok((wanted, view)),
            false => Err(not_found()),
        }
    }

    /// `status_url`, `response_url` and `cancel_url` of a job. They name only `owner/alias`.
    pub(crate) fn urls(&self, id: Uuid, endpoint: Endpoint) -> Value {
        let request = format!("{}/{}/requests/{id}", self.queue_url(), endpoint.app());
        json!({
            "status_url": format!("{request}/status"),
            "response_url": request,
            "cancel_url": format!("{request}/cancel"),
        })
    }

    /// 202 until the job is completed, then 200. A failed job is completed too, with `error`.
    fn status(&self, id: Uuid, view: &View, logs: bool) -> FalResponse {
        let mut body = self.urls(id, view.endpoint);
        body["request_id"] = json!(id);
        body["logs"] = if logs { json!(view.logs) } else { Value::Null };
        let (status, word) = match &view.stage {
            Stage::Waiting { position } => {
                body["queue_position"] = json!(position);
                (StatusCode::ACCEPTED, "IN_QUEUE")
            }
            Stage::Running => (StatusCode::ACCEPTED, "IN_PROGRESS"),
            Stage::Completed { response, took } => {
                body["metrics"] = json!({ "inference_time": took.as_secs_f64() });
                if !response.status.is_success() {
                    let reason: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                    let message = reason["detail"][0]["msg"].as_str().or(reason["detail"].as_str());
                    body["error"] = json!(message.unwrap_or("Internal Server Error"));
                    body["error_type"] = match &reason["error_type"] {
                        Value::Null => reason["detail"][0]["type"].clone(),
                        error_type => error_type.clone(),
                    };
                }
                (StatusCode::OK, "COMPLETED")
            }
        };
        body["status"] = json!(word);
        FalResponse::json(status, &body)
    }
}
