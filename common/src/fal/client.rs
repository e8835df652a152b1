//! The client: one picture a call, within a deadline, tried again only where no second picture can result.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, StatusCode};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::answer::{Answer, read};
use super::error::{FalError, FalErrorKind, Retry, request_id};
use super::{FalHosts, FalKey, Input, join};

/// A connection that takes longer will not come; the backup host is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest answer that is read. Real ones are about a kilobyte.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Most tries of one request, and the longest pause before the second; it doubles each time.
const MAX_TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// A picture that fal made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Where it lies, for whoever has the link.
    pub url: String,
    /// fal's id of the request.
    pub request_id: Option<String>,
}

/// No HTTP client could be made: the TLS library found no usable configuration.
#[derive(Debug, Error)]
#[error("the HTTP client for fal could not be made")]
pub struct ClientError(#[from] reqwest::Error);

/// fal, as we call it.
#[derive(Debug, Clone)]
pub struct FalClient {
    http: reqwest::Client,
    pub(super) hosts: FalHosts,
    authorization: HeaderValue,
    timeout: Duration,
}

impl FalClient {
    /// Calls `hosts` with `key`, and waits at most `timeout` for one picture.
    pub fn new(hosts: FalHosts, key: &FalKey, timeout: Duration) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("potret/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry the key to wherever it points.
            .redirect(Policy::none())
            .no_proxy()
            .build()?;
        // A key is visible ASCII, which every header value may be.
        let mut authorization = HeaderValue::from_str(&key.header()).unwrap_or(HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        Ok(Self { http, hosts, authorization, timeout })
    }

    /// Has one picture made, before `deadline`.
    pub async fn picture(&self, input: &Input, deadline: Instant) -> Result<Picture, FalError> {
        let deadline = deadline.min(Instant::now() + self.timeout);
        let made = timeout_at(deadline, self.picture_with_retries(input, deadline)).await;
        made.unwrap_or_else(|_| Err(FalError::timeout()))
    }

    async fn picture_with_retries(&self, input: &Input, deadline: Instant) -> Result<Picture, FalError> {
        let mut tries = 1;
        loop {
            let error = match self.picture_once(input, deadline).await {
                Ok(picture) => return Ok(picture),
                Err(error) => error,
            };
            let pause = FIRST_PAUSE * 2u32.pow(tries - 1);
            let pause = pause.mul_f64(0.5 + 0.5 * fastrand::f64());
            let again = match error.retry {
                Retry::Never => false,
                Retry::Once => tries == 1,
                Retry::Backoff => tries < MAX_TRIES,
            };
            if !again || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::warn!(fal_request_id = error.request_id, %error, tries, "fal is asked again");
            sleep(pause).await;
            tries += 1;
        }
    }

    async fn picture_once(&self, input: &Input, deadline: Instant) -> Result<Picture, FalError> {
        let (headers, body) = match (self.ask(&self.hosts.run, input, deadline).await, &self.hosts.backup) {
            (Err(Lost::NotSent(_)), Some(backup)) => {
                let host = backup.host_str();
                tracing::warn!(host, "fal could not be connected to, its backup host is asked");
                self.ask(backup, input, deadline).await?
            }
            (asked, _) => asked?,
        };
        let request_id = request_id(&headers);
        let answer = read(&body).map_err(|error| FalError { request_id: request_id.clone(), ..error })?;
        match answer {
            Answer::Picture(url) => Ok(Picture { url, request_id }),
            Answer::Queued(ticket) => self.follow(ticket, input.endpoint()).await,
        }
    }

    async fn ask(&self, host: &Url, input: &Input, deadline: Instant) -> Result<(HeaderMap, Vec<u8>), Lost> {
        // fal gives up on a request that has not started by then, and does not bill it.
        let to_start = deadline.saturating_duration_since(Instant::now()).as_secs().max(1);
        let request = self.http.post(join(host, input.endpoint())).json(input);
        self.send(request.header("x-fal-request-timeout", to_start)).await
    }

    /// A GET that is to be sent with the key.
    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.http.get(url)
    }

    /// Sends one request with the key, which must go to one of the hosts, and reads a 200.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<(HeaderMap, Vec<u8>), Lost> {
        let answer = request.header(AUTHORIZATION, self.authorization.clone()).send().await;
        let mut answer = answer.map_err(Lost::from_transport)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(Lost::from_transport)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                let error = FalError::new(FalErrorKind::Failed, "fal's answer is too long");
                return Err(Lost::Answered(status, error));
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            StatusCode::OK | StatusCode::ACCEPTED => Ok((headers, body)),
            _ => Err(Lost::Answered(status, FalError::of_answer(status, &headers, &body))),
        }
    }
}

/// Why there is no answer to read.
pub(super) enum Lost {
    /// There was no connection, so nothing was sent and nothing can have run.
    NotSent(FalError),
    /// The connection was lost with the request on it.
    NotAnswered(FalError),
    /// fal said no.
    Answered(StatusCode, FalError),
}

impl Lost {
    fn from_transport(error: reqwest::Error) -> Self {
        if error.is_connect() {
            let error = FalError::new(FalErrorKind::Failed, "fal could not be connected to");
            return Self::NotSent(FalError { retry: Retry::Backoff, ..error });
        }
        Self::NotAnswered(FalError::new(FalErrorKind::Failed, "the connection to fal was lost"))
    }

    /// Whether the same question may be answered later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::NotAnswered(_) => true,
            Self::Answered(status, _) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

impl From<Lost> for FalError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotSent(error) | Lost::NotAnswered(error) | Lost::Answered(_, error) => error,
        }
    }
}
