//! fal's queue: when the direct path responds with a ticket instead of a picture, the client follows the
//! ticket.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use url::Url;

use super::client::{FalClient, Picture};
use super::error::{FalError, FalErrorKind, Retry, safe};
use super::join;
use super::response::{Accepted, Ticket, read};

/// The pause between two requests for a ticket's status.
const POLL_EVERY: Duration = Duration::from_millis(300);

#[derive(serde::Deserialize)]
struct Progress {
    status: String,
}

impl FalClient {
    /// Waits for a ticket's picture. The caller's deadline limits the wait. No failure here may repeat the
    /// request, because fal has it.
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
        while !is_completed(&self.get_patiently(&status_url).await?)? {
            sleep(POLL_EVERY).await;
        }
        // The result replays the model's own status, so a failure is read like a direct one.
        match read(&self.get_patiently(&response_url).await?)? {
            Accepted::Picture(url) => Ok(url),
            Accepted::Queued(_) => Err(FalError::new(FalErrorKind::Failed, "fal's result is a ticket again")),
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

    /// The ticket's address: under the application, which is the first two parts of an endpoint's id.
    fn place(&self, request_id: &str, endpoint: &str) -> Result<Url, FalError> {
        let sane = request_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if request_id.is_empty() || request_id.len() > 80 || !sane {
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

fn is_completed(body: &[u8]) -> Result<bool, FalError> {
    let progress: Result<Progress, _> = serde_json::from_slice(body);
    match progress.as_ref().map(|progress| progress.status.as_str()) {
        Ok("COMPLETED") => Ok(true),
        Ok("IN_QUEUE" | "IN_PROGRESS") => Ok(false),
        _ => Err(FalError::new(FalErrorKind::Failed, "fal's queue responded with an unknown status")),
    }
}
