//! The client: one picture per call, within a deadline. It tries again only where that cannot make a second
//! picture.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::request::Builder;
use http::{Request, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::cost::Charge;
use super::error::{FalError, FalErrorKind, Retry, request_id, text};
use super::response::{Accepted, read};
use super::{FalHosts, FalKey, Input, Retention, Tickets, join};
use crate::metrics::{self, Metric};
use crate::net::{self, HttpClient, HttpError};

/// Who we are, for fal's own log.
const OUR_NAME: &str = concat!("potret/", env!("CARGO_PKG_VERSION"));

/// Longest response that is read. Real ones are about a kilobyte.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// Most tries of one request, and the longest pause before the second; it doubles each time.
const MAX_TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// A picture that fal made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its address. Anybody who has the link can get the picture.
    pub url: String,
    /// fal's id of the request.
    pub request_id: Option<String>,
    /// The endpoint that made it, and for how many units fal charges, as fal's headers say.
    pub served_from: Option<String>,
    pub billable_units: Option<String>,
}

/// A client of fal's API.
#[derive(Debug, Clone)]
pub struct FalClient {
    http: HttpClient,
    pub(super) hosts: FalHosts,
    authorization: HeaderValue,
    retention: Retention,
}

impl FalClient {
    /// Calls `hosts` with `key` over `http`, with the default [`Retention`].
    pub fn new(http: HttpClient, hosts: FalHosts, key: &FalKey) -> Self {
        // A key is visible ASCII, which every header value may be.
        let mut authorization = HeaderValue::from_str(&key.header()).unwrap_or(HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        Self { http, hosts, authorization, retention: Retention::default() }
    }

    /// The same client, which tells fal to keep things as `retention` says.
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Has fal make one picture before `deadline`. A request that fal queues meanwhile is in `tickets`, until its
    /// picture is there.
    pub async fn picture(
        &self,
        input: &Input,
        deadline: Instant,
        tickets: &Tickets,
    ) -> Result<Picture, FalError> {
        let asked = Instant::now();
        let request = || self.picture_once(input, deadline, tickets);
        let made = timeout_at(deadline, with_retries(request, deadline)).await;
        let made = made.unwrap_or_else(|_| Err(FalError::timeout()));
        match &made {
            Ok(_) => metrics::measure(Metric::FalLatency, asked.elapsed().as_millis() as f64),
            Err(error) => metrics::count(error.kind.metric(), 1),
        }
        made
    }

    async fn picture_once(
        &self,
        input: &Input,
        deadline: Instant,
        tickets: &Tickets,
    ) -> Result<Picture, FalError> {
        let asked = self.ask(&self.hosts.run, input, deadline, tickets).await;
        let (headers, body) = match (asked, &self.hosts.backup) {
            (Err(RequestError::NotSent(_)), Some(backup)) => {
                let host = backup.host_str();
                tracing::warn!(host, "no connection to fal, trying its backup host");
                self.ask(backup, input, deadline, tickets).await?
            }
            (asked, _) => asked?,
        };
        let request_id = request_id(&headers);
        let accepted = read(&body).map_err(|error| FalError { request_id: request_id.clone(), ..error })?;
        match accepted {
            Accepted::Picture(url) => {
                let [served_from, billable_units] =
                    ["x-fal-served-from", "x-fal-billable-units"].map(|name| text(&headers, name));
                Ok(Picture { url, request_id, served_from, billable_units })
            }
            Accepted::Queued(ticket) => self.follow(ticket, input.endpoint(), tickets).await,
        }
    }

    async fn ask(
        &self,
        host: &Url,
        input: &Input,
        deadline: Instant,
        tickets: &Tickets,
    ) -> Result<(HeaderMap, Bytes), RequestError> {
        // fal gives up on a request that has not started by then, and does not bill it.
        let to_start = deadline.saturating_duration_since(Instant::now()).as_secs().max(1);
        let charge = Charge::of(input, tickets);
        let asked = self.post(&join(host, input.endpoint()), input, Some(to_start)).await;
        if let Err(error) = &asked {
            charge.failed(error);
        }
        asked
    }

    /// Posts `input`, which must start within `to_start` seconds if that is given.
    pub(super) async fn post(
        &self,
        url: &Url,
        input: &Input,
        to_start: Option<u64>,
    ) -> Result<(HeaderMap, Bytes), RequestError> {
        let mut request = Request::post(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            // Else fal may have another model make the picture, without a word.
            .header("x-app-fal-disable-fallback", "true");
        request = self.retention.tell(request);
        if let Some(seconds) = to_start {
            request = request.header("x-fal-request-timeout", seconds);
        }
        let body = serde_json::to_vec(input).map_err(|_| RequestError::unbuildable())?;
        self.send(request, body.into()).await
    }

    /// Puts nothing to `url`, which must be on one of the hosts.
    pub(super) async fn put(&self, url: &Url) -> Result<(), RequestError> {
        self.send(Request::put(url.as_str()), Bytes::new()).await.map(drop)
    }

    /// Gets `url`, which must be on one of the hosts.
    pub(super) async fn get(&self, url: &Url) -> Result<Bytes, RequestError> {
        let (_, body) = self.send(Request::get(url.as_str()), Bytes::new()).await?;
        Ok(body)
    }

    /// Sends one request with the key to one of the hosts, and reads a 200 or 202.
    async fn send(&self, request: Builder, body: Bytes) -> Result<(HeaderMap, Bytes), RequestError> {
        let request = request.header(AUTHORIZATION, self.authorization.clone()).header(USER_AGENT, OUR_NAME);
        let request = request.body(body).map_err(|_| RequestError::unbuildable())?;
        let response = net::send(&self.http, request, MAX_RESPONSE_BYTES).await?;
        let net::Response { status, headers, body } = response;
        match status {
            StatusCode::OK | StatusCode::ACCEPTED => Ok((headers, body)),
            _ => Err(RequestError::Refused(status, FalError::of_response(status, &headers, &body))),
        }
    }
}

/// Sends a request until it succeeds, or until another one could make a second picture or come too late.
pub(super) async fn with_retries<T, F: Future<Output = Result<T, FalError>>>(
    request: impl Fn() -> F,
    deadline: Instant,
) -> Result<T, FalError> {
    let mut tries = 1;
    loop {
        let error = match request().await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let pause = net::pause_after(tries, FIRST_PAUSE);
        let again = match error.retry {
            Retry::Never => false,
            Retry::Once => tries == 1,
            Retry::Backoff => tries < MAX_TRIES,
        };
        if !again || Instant::now() + pause >= deadline {
            return Err(error);
        }
        tracing::warn!(fal_request_id = error.request_id, %error, tries, "the request to fal is sent again");
        sleep(pause).await;
        tries += 1;
    }
}

/// Why a request has no usable response.
pub(super) enum RequestError {
    /// There was no connection, so nothing was sent and nothing can have run.
    NotSent(FalError),
    /// The connection was lost after the request was sent.
    NotAnswered(FalError),
    /// The request cannot be built, so nothing was sent. Another try would end the same way.
    NotBuilt(FalError),
    /// The response cannot be read. Another try would end the same way.
    Unreadable(FalError),
    Refused(StatusCode, FalError),
}

impl RequestError {
    /// The request cannot be built.
    pub(super) fn unbuildable() -> Self {
        let failed = FalError::new(FalErrorKind::Failed, "the request to fal could not be built");
        Self::NotBuilt(FalError { may_be_billed: false, ..failed })
    }

    pub(super) fn error(&self) -> &FalError {
        match self {
            Self::NotSent(error)
            | Self::NotAnswered(error)
            | Self::NotBuilt(error)
            | Self::Unreadable(error)
            | Self::Refused(_, error) => error,
        }
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NotAnswered(_) => true,
            Self::NotBuilt(_) | Self::Unreadable(_) => false,
            Self::Refused(status, _) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl From<HttpError> for RequestError {
    fn from(error: HttpError) -> Self {
        let failed = FalError::new(FalErrorKind::Failed, format!("fal: {error}"));
        match error {
            HttpError::NotSent => {
                Self::NotSent(FalError { retry: Retry::Backoff, may_be_billed: false, ..failed })
            }
            HttpError::NotAnswered => Self::NotAnswered(failed),
            HttpError::TooLong { .. } => Self::Unreadable(failed),
        }
    }
}

impl From<RequestError> for FalError {
    fn from(lost: RequestError) -> Self {
        match lost {
            RequestError::NotSent(error)
            | RequestError::NotAnswered(error)
            | RequestError::NotBuilt(error)
            | RequestError::Unreadable(error)
            | RequestError::Refused(_, error) => error,
        }
    }
}
