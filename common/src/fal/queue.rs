//! fal's queue: when the direct path answers with a ticket instead of a picture, the ticket is followed.

use std::time::Duration;

use tokio::time::sleep;
use url::Url;

use super::answer::{Answer, Ticket, read};
use super::client::{FalClient, Picture};
use super::error::{FalError, FalErrorKind, Retry};
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
        let request_id = Some(ticket.request_id.clone());
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
        while !self.is_completed(status_url.clone()).await? {
            sleep(POLL_EVERY).await;
        }
        // The result replays the model's own status, so a failure is read like a direct one.
        let (_, body) = self.send(self.get(response_url)).await?;
        match read(&body)? {
            Answer::Picture(url) => Ok(url),
            Answer::Queued(_) => Err(FalError::new(FalErrorKind::Failed, "fal's result is a ticket again")),
        }
    }

    async fn is_completed(&self, status_url: Url) -> Result<bool, FalError> {
        let (_, body) = match self.send(self.get(status_url)).await.map_err(FalError::from) {
            // Looking again is free, whatever was in the way.
            Err(error) if error.retry != Retry::Never => return Ok(false),
            looked => looked?,
        };
        let progress: Result<Progress, _> = serde_json::from_slice(&body);
        match progress.as_ref().map(|progress| progress.status.as_str()) {
            Ok("COMPLETED") => Ok(true),
            Ok("IN_QUEUE" | "IN_PROGRESS") => Ok(false),
            _ => Err(FalError::new(FalErrorKind::Failed, "fal's queue gave no sensible status")),
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
