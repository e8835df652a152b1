//! fal's queue: requests that are submitted to it, and requests of the direct path that fal queued by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;

use super::client::{FalClient, Picture, RequestError, with_retries};
use super::error::{FalError, FalErrorKind, Retry, safe};
use super::response::{Accepted, Ticket, read};
use super::{Input, join};
use crate::metrics::{self, Metric};

/// Longest wait for what the queue responds at once.
const RESPONSE_WITHIN: Duration = Duration::from_secs(4);

/// The pause between two requests for a ticket's status.
const POLL_EVERY: Duration = Duration::from_millis(300);

#[derive(serde::Deserialize)]
struct Progress {
    status: String,
    queue_position: Option<u64>,
    error: Option<String>,
}

/// fal's response to a request for its queue, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// fal has the job.
    Accepted { request_id: String, queue_position: Option<u64> },
    /// The response was lost or makes no sense, so fal may have the job. Its webhook will tell.
    Unknown,
}

/// The state of a job in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It waits behind so many others, or runs.
    Pending { queue_position: Option<u64> },
    /// The picture is at this URL.
    Made(String),
    /// It will make no picture.
    Failed(FalError),
}

/// The requests of a batch that fal queued and that have no picture yet: to be cancelled when nobody waits any more.
#[derive(Debug, Default)]
pub struct Tickets {
    queued: Mutex<Vec<(&'static str, String)>>,
    /// fal refuses every request of the batch, so it charges for none.
    are_refused: AtomicBool,
}

impl Tickets {
    fn with<T>(&self, change: impl FnOnce(&mut Vec<(&'static str, String)>) -> T) -> T {
        change(&mut self.queued.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn refuse_all(&self) {
        self.are_refused.store(true, Ordering::Relaxed);
    }

    pub(super) fn are_refused(&self) -> bool {
        self.are_refused.load(Ordering::Relaxed)
    }
}

impl FalClient {
    /// Gives the queue a request whose webhook goes to `webhook`. It is sent again only if fal certainly does not
    /// have the job.
    ///
    /// # Errors
    ///
    /// When fal has refused the request.
    pub async fn submit(
        &self,
        input: &Input,
        webhook: &Url,
        deadline: Instant,
    ) -> Result<Submission, FalError> {
        let mut url = join(&self.hosts.queue, input.endpoint());
        url.query_pairs_mut().append_pair("fal_webhook", webhook.as_str());
        let submitted = timeout_at(deadline, with_retries(|| self.submit_once(&url, input), deadline)).await;
        let submitted = submitted.unwrap_or(Ok(Submission::Unknown));
        match &submitted {
            // Counted now, because the result comes to another function. A job that is refused here never runs.
            Ok(_) => metrics::measure(Metric::FalCost, input.estimated_usd()),
            Err(error) => metrics::count(error.kind.metric(), 1),
        }
        submitted
    }

    async fn submit_once(&self, url: &Url, input: &Input) -> Result<Submission, FalError> {
        let lost = |error: FalError| {
            tracing::warn!(fal_request_id = error.request_id, %error, "it is unknown whether fal has the job");
            Ok(Submission::Unknown)
        };
        let body = match self.post(url, input, None).await {
            Ok((_, body)) => body,
            Err(RequestError::NotAnswered(error) | RequestError::Unreadable(error)) => return lost(error),
            Err(RequestError::Refused(status, error))
                if status.is_server_error() && error.retry == Retry::Never =>
            {
                return lost(error);
            }
            Err(refused) => return Err(refused.into()),
        };
        match read(&body) {
            Ok(Accepted::Queued(Ticket { request_id, queue_position, .. })) if is_sane(&request_id) => {
                Ok(Submission::Accepted { request_id, queue_position })
            }
            Ok(_) => {
                lost(FalError::new(FalErrorKind::Failed, "the submission's response is no usable ticket"))
            }
            Err(error) => lost(error),
        }
    }

    /// Asks for the state of the job `request_id` of `endpoint`, and for its result.
    ///
    /// # Errors
    ///
    /// When fal does not tell now, or does not know the job.
    pub async fn job(&self, endpoint: &str, request_id: &str) -> Result<JobState, FalError> {
        let told = timeout(RESPONSE_WITHIN, self.job_now(endpoint, request_id)).await;
        told.unwrap_or_else(|_| Err(FalError::timeout()))
    }

    async fn job_now(&self, endpoint: &str, request_id: &str) -> Result<JobState, FalError> {
        let place = self.place(request_id, endpoint)?;
        let progress = progress(&self.get(&join(&place, "status")).await?)?;
        if progress.status != "COMPLETED" {
            return Ok(JobState::Pending { queue_position: progress.queue_position });
        }
        // The result replays the model's own status, so a failure is read like a direct one.
        let result = match self.get(&place).await {
            Ok(body) => read(&body),
            Err(RequestError::Refused(status, error))
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS
                    || progress.error.is_some() =>
            {
                Err(error)
            }
            Err(lost) => return Err(lost.into()),
        };
        Ok(match result {
            Ok(Accepted::Picture(url)) => JobState::Made(url),
            Ok(Accepted::Queued(_)) => JobState::Failed(a_ticket_again()),
            Err(error) => JobState::Failed(error),
        })
    }

    /// Asks fal not to run the job, or to stop it. Nothing depends on whether fal does.
    pub async fn cancel(&self, endpoint: &str, request_id: &str) {
        let cancel = async { Ok(self.put(&join(&self.place(request_id, endpoint)?, "cancel")).await?) };
        let cancelled = timeout(RESPONSE_WITHIN, cancel).await.unwrap_or_else(|_| Err(FalError::timeout()));
        let outcome = cancelled.map_or_else(|error| error.to_string(), |()| "fal accepted it".to_owned());
        tracing::info!(fal_request_id = request_id, outcome, "job cancelled");
    }

    /// Cancels the requests that fal queued and that nobody waits for any more.
    pub async fn cancel_all(&self, tickets: &Tickets) {
        for (endpoint, request_id) in tickets.with(std::mem::take) {
            self.cancel(endpoint, &request_id).await;
        }
    }

    /// Waits for a ticket's picture. The caller's deadline limits the wait. No failure here may repeat the
    /// request, because fal has it.
    pub(super) async fn follow(
        &self,
        ticket: Ticket,
        endpoint: &'static str,
        tickets: &Tickets,
    ) -> Result<Picture, FalError> {
        let id = ticket.request_id.clone();
        tickets.with(|tickets| tickets.push((endpoint, id.clone())));
        let request_id = Some(safe(&id));
        tracing::info!(fal_request_id = request_id, "fal queued the request");
        let followed = self.result(&ticket, endpoint).await;
        // Whatever came, the request has ended at fal.
        tickets.with(|tickets| tickets.retain(|(_, pending)| *pending != id));
        let picture =
            |url| Picture { url, request_id: request_id.clone(), served_from: None, billable_units: None };
        followed.map(picture).map_err(|error| FalError {
            request_id: error.request_id.or(request_id),
            retry: Retry::Never,
            ..error
        })
    }

    async fn result(&self, ticket: &Ticket, endpoint: &str) -> Result<String, FalError> {
        let place = self.place(&ticket.request_id, endpoint)?;
        let status_url = self.trusted(ticket.status_url.as_deref()).unwrap_or_else(|| join(&place, "status"));
        let response_url = self.trusted(ticket.response_url.as_deref()).unwrap_or(place);
        while progress(&self.get_patiently(&status_url).await?)?.status != "COMPLETED" {
            sleep(POLL_EVERY).await;
        }
        match read(&self.get_patiently(&response_url).await?)? {
            Accepted::Picture(url) => Ok(url),
            Accepted::Queued(_) => Err(a_ticket_again()),
        }
    }

    /// Gets `url`, again after every transient failure: a GET costs nothing.
    async fn get_patiently(&self, url: &Url) -> Result<Bytes, FalError> {
        loop {
            match self.get(url).await {
                Ok(body) => return Ok(body),
                Err(lost) if lost.is_transient() => sleep(POLL_EVERY).await,
                Err(lost) => return Err(lost.into()),
            }
        }
    }

    /// The job's address: under the application, which is the first two parts of an endpoint's id.
    fn place(&self, request_id: &str, endpoint: &str) -> Result<Url, FalError> {
        if !is_sane(request_id) {
            return Err(FalError::new(FalErrorKind::Failed, "fal's ticket has no usable id"));
        }
        let application: Vec<_> = endpoint.split('/').take(2).collect();
        Ok(join(&self.hosts.queue, &format!("{}/requests/{request_id}", application.join("/"))))
    }

    /// A URL from fal's response, if it is on a host that may see the key.
    fn trusted(&self, url: Option<&str>) -> Option<Url> {
        Url::parse(url?).ok().filter(|url| self.hosts.trusts(url))
    }
}

/// Whether an id of fal's can be a segment of a path.
pub(super) fn is_sane(request_id: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=80).contains(&request_id.len()) && request_id.bytes().all(is_usual)
}

fn a_ticket_again() -> FalError {
    FalError::new(FalErrorKind::Failed, "fal's result is a ticket again")
}

fn progress(body: &[u8]) -> Result<Progress, FalError> {
    let progress = serde_json::from_slice(body).ok();
    let known =
        |progress: &Progress| matches!(progress.status.as_str(), "COMPLETED" | "IN_QUEUE" | "IN_PROGRESS");
    progress
        .filter(known)
        .ok_or_else(|| FalError::new(FalErrorKind::Failed, "fal's queue responded with an unknown status"))
}
