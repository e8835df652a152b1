//! fal's queue: when the direct path answers with a ticket instead of a picture, the ticket is followed.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use url::Url;

use super::answer::{Answer, Ticket, read};
use super::client::{FalClient, Picture};
use super::error::{FalError, FalErrorKind, Retry, safe};
use super::join;

/// Between two looks at a ticket. The queue is slower than this by nature.
const POLL_EVERY: Duration = Duration::from_millis(300);

#[derive(serde::Deserialize)]
struct Progress {
    status: String,
}

impl FalClient {
    /// Waits for a ticket's picture; the caller's deadline bounds the wait. No failure from here may repeat
    /// the request: fal has it.
    pub(super) async fn follow(&self, ticket: Ticket, endpoint: &str) -> Result<Picture, FalError> {
        let request_id = Some(safe(&ticket.request_id));
        tracing::info!(fal_request_id = request_id, "fal queued the request");
        let followed = self.result(&ticket, endpoint).await;
        followed.map(|url| Picture { url, request_id: request_id.clone() }).map_err(|error| FalError {
            request_id: error.request_id.or(request_id),
            retry: Retry::Never,
            ..error
        })
    }

    async fn result(&self, ticket: &Ticket, endpoint: &str) -> Result<String, FalError> {
        let place = self.place(&ticket.request_id, endpoint)?;
        let status_url = self.trusted(ticket.status_url.as_deref()).unwrap_or_else(|| join(&place, "status"));
        let response_url = self.trusted(ticket.response_url.as_deref()).unwrap_or(place);
        while !is_completed(&self.look(&status_url).await?)? {
            sleep(POLL_EVERY).await;
        }
        // The result replays the model's own status, so a failure is read like a direct one.
        match read(&self.look(&response_url).await?)? {
            Answer::Picture(url) => Ok(url),
            Answer::Queued(_) => Err(FalError::new(FalErrorKind::Failed, "fal's result is a ticket again")),
        }
    }

    /// Gets what is at `url`, past every passing trouble: looking again is free.
    async fn look(&self, url: &Url) -> Result<Bytes, FalError> {
        loop {
            match self.get(url).await {
                Ok(body) => return Ok(body),
                Err(lost) if lost.is_passing() => sleep(POLL_EVERY).await,
                Err(lost) => return Err(lost.into()),
            }
        }
    }

    /// Where a ticket lies: under the application, which is the first two parts of an endpoint's id.
    fn place(&self, request_id: &str, endpoint: &str) -> Result<Url, FalError> {
        let sane = request_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if request_id.is_empty() || request_id.len() > 80 || !sane {
            return Err(FalError::new(FalErrorKind::Failed, "fal's ticket has no usable id"));
        }
        let application: Vec<_> = endpoint.split('/').take(2).collect();
        Ok(join(&self.hosts.queue, &format!("{}/requests/{request_id}", application.join("/"))))
    }

    /// A URL as fal returned it, if it leads to a host that may see the key.
    fn trusted(&self, url: Option<&str>) -> Option<Url> {
        Url::parse(url?).ok().filter(|url| self.hosts.trusts(url))
    }
}

fn is_completed(body: &[u8]) -> Result<bool, FalError> {
    let progress: Result<Progress, _> = serde_json::from_slice(body);
    match progress.as_ref().map(|progress| progress.status.as_str()) {
        Ok("COMPLETED") => Ok(true),
        Ok("IN_QUEUE" | "IN_PROGRESS") => Ok(false),
        _ => Err(FalError::new(FalErrorKind::Failed, "fal's queue gave no sensible status")),
    }
}
