//! What arrived, in order, for tests and for people to look at. The key is never kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, header};
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
    /// The id that the answer carries as `x-fal-request-id`.
    pub request_id: Uuid,
    /// The path below the double, such as `fal-ai/flux/schnell`; `redirected` for a followed redirect.
    pub endpoint: String,
    /// The body as received; null when it was not JSON.
    pub body: Value,
    /// The fields that the model does not know and dropped without a word.
    pub dropped_fields: Vec<String>,
    /// The fault that hit it.
    pub fault: Option<Fault>,
    /// How many requests were under way when this one started, itself included.
    pub running_at_start: usize,
    /// The `X-Fal-Request-Timeout` header, in seconds as sent.
    pub request_timeout: Option<String>,
    /// Whether an `Authorization` header came along, right or wrong.
    pub carried_authorization: bool,
    /// When it arrived.
    pub started_at: Timestamp,
    /// When it was answered, or the connection was lost; `None` while it runs.
    pub finished_at: Option<Timestamp>,
    /// The HTTP status of the answer; `None` while it runs and when the connection was lost.
    pub status: Option<u16>,
}

/// The newest requests.
#[derive(Clone, Default)]
pub struct RequestLog(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    requests: VecDeque<RecordedRequest>,
    running: usize,
}

impl RequestLog {
    /// Notes that a request arrived.
    pub fn open(&self, endpoint: &str, headers: &HeaderMap, body: &[u8]) -> Entry {
        let request_timeout = headers.get("x-fal-request-timeout");
        let request_id = Uuid::new_v4();
        let mut log = locked(&self.0);
        log.running += 1;
        let running_at_start = log.running;
        log.requests.push_back(RecordedRequest {
            request_id,
            endpoint: endpoint.to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            dropped_fields: Vec::new(),
            fault: None,
            running_at_start,
            request_timeout: request_timeout
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            carried_authorization: headers.contains_key(header::AUTHORIZATION),
            started_at: Timestamp::now(),
            finished_at: None,
            status: None,
        });
        if log.requests.len() > MOST_REQUESTS {
            log.requests.pop_front();
        }
        Entry { log: self.clone(), request_id }
    }

    /// The requests, oldest first.
    pub fn all(&self) -> Vec<RecordedRequest> {
        locked(&self.0).requests.iter().cloned().collect()
    }

    /// Forgets them.
    pub fn clear(&self) {
        locked(&self.0).requests.clear();
    }
}

/// A request under way. Dropping it ends the request, so that one whose client went away ends too.
pub struct Entry {
    log: RequestLog,
    /// The id of the request.
    pub request_id: Uuid,
}

impl Entry {
    /// Changes the record. Does nothing when it was forgotten meanwhile.
    pub fn update(&self, change: impl FnOnce(&mut RecordedRequest)) {
        let mut log = locked(&self.log.0);
        let mut newest_first = log.requests.iter_mut().rev();
        if let Some(record) = newest_first.find(|record| record.request_id == self.request_id) {
            change(record);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.update(|record| record.finished_at = Some(Timestamp::now()));
        locked(&self.log.0).running -= 1;
    }
}
