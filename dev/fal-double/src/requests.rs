//! The requests that arrived, for tests and for people to look at. The key is never kept.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, header};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::faults::Fault;
use super::locked;

/// How many requests are remembered; the oldest go first.
const MOST_REQUESTS: usize = 500;

/// One generation request, or one that followed a redirect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedRequest {
    /// The response has it as `x-fal-request-id`.
    pub request_id: Uuid,
    /// The path below the double, such as `fal-ai/flux/schnell`; `redirected` for a followed redirect.
    pub endpoint: String,
    /// The body as received; null when it was not JSON.
    pub body: Value,
    /// The fields that the model does not know and dropped silently. For a job of the queue they are known
    /// once it runs.
    pub dropped_fields: Vec<String>,
    /// The fault that was injected.
    pub fault: Option<Fault>,
    /// How many requests were running when this one started, including itself.
    pub running_at_start: usize,
    /// The `X-Fal-Request-Timeout` header, in seconds as sent.
    pub request_timeout: Option<String>,
    /// The `X-Fal-Store-IO` header: `0` says that fal keeps neither the body nor the response.
    pub store_io: Option<String>,
    /// The `X-Fal-Object-Lifecycle-Preference` header, which says in JSON how long fal keeps the pictures. Nothing
    /// here expires, and fal does not document what it does with a malformed one.
    pub object_lifecycle: Option<String>,
    /// Whether it was submitted to the queue.
    pub queued: bool,
    /// The `fal_webhook` of a submission.
    pub webhook: Option<String>,
    /// Whether fal might serve it from an "equivalent" endpoint: without `x-app-fal-disable-fallback: true`.
    pub fallback_allowed: bool,
    /// Whether there was an `Authorization` header, right or wrong.
    pub carried_authorization: bool,
    pub started_at: Timestamp,
    /// When the response was sent or the connection was lost; `None` while the request runs.
    pub finished_at: Option<Timestamp>,
    /// `None` while the request runs and when the connection was lost. For a submission this is the status
    /// of the submission, and not that of the job.
    pub status: Option<u16>,
}

/// The newest requests.
#[derive(Clone, Default)]
pub struct RequestLog(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    /// Oldest first.
    requests: IndexMap<Uuid, RecordedRequest>,
    running: usize,
}

impl RequestLog {
    /// Records that a request arrived.
    pub fn open(&self, endpoint: &str, headers: &HeaderMap, body: &[u8]) -> Entry {
        let text =
            |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let request_id = Uuid::new_v4();
        let mut log = locked(&self.0);
        log.running += 1;
        let running_at_start = log.running;
        let record = RecordedRequest {
            request_id,
            endpoint: endpoint.to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            dropped_fields: Vec::new(),
            fault: None,
            running_at_start,
            request_timeout: text("x-fal-request-timeout"),
            store_io: text("x-fal-store-io"),
            object_lifecycle: text("x-fal-object-lifecycle-preference"),
            queued: false,
            webhook: None,
            fallback_allowed: headers.get("x-app-fal-disable-fallback").is_none_or(|value| value != "true"),
            carried_authorization: headers.contains_key(header::AUTHORIZATION),
            started_at: Timestamp::now(),
            finished_at: None,
            status: None,
        };
        log.requests.insert(request_id, record);
        if log.requests.len() > MOST_REQUESTS {
            log.requests.shift_remove_index(0);
        }
        Entry { log: self.clone(), request_id }
    }

    /// Changes a record, unless it was forgotten meanwhile.
    pub fn update(&self, id: Uuid, change: impl FnOnce(&mut RecordedRequest)) {
        if let Some(record) = locked(&self.0).requests.get_mut(&id) {
            change(record);
        }
    }

    /// The requests, oldest first.
    pub fn all(&self) -> Vec<RecordedRequest> {
        locked(&self.0).requests.values().cloned().collect()
    }

    pub fn clear(&self) {
        locked(&self.0).requests.clear();
    }
}

/// A running request. It ends when this is dropped, which also happens when its client goes away.
pub struct Entry {
    log: RequestLog,
    pub request_id: Uuid,
}

impl Entry {
    pub fn update(&self, change: impl FnOnce(&mut RecordedRequest)) {
        self.log.update(self.request_id, change);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.update(|record| record.finished_at = Some(Timestamp::now()));
        locked(&self.log.0).running -= 1;
    }
}
