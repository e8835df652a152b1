//! A bucket of S3: requests over the process's one HTTP client, and presigned URLs.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use rusty_s3::actions::S3Action;
use rusty_s3::{Bucket, BucketError, Credentials, UrlStyle};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::net::{self, HttpClient};

/// One try of a request: an upload of up to 4 MiB, or a download of up to 20.
const TRY: Duration = Duration::from_secs(4);

/// All tries of one request together, and the pause before the second; it doubles each time.
const TIME_LIMIT: Duration = Duration::from_secs(9);
const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How long the signature of a request of our own is valid: longer than its tries take, clocks differ.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// Longest body that is read: more than the largest photo.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// S3 has no usable response.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum S3Error {
    /// S3 refused the request. The code is S3's own; the message is not kept, because it echoes.
    #[error("S3 responded {status} {code}")]
    Refused { status: StatusCode, code: String },
    #[error("S3 did not respond: {0}")]
    NoResponse(String),
}

/// An object, or its beginning.
#[derive(Debug)]
pub struct Object {
    pub bytes: Bytes,
    /// The length of the whole object in bytes.
    pub size: u64,
}

/// A bucket, and as whom it is called.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    http: HttpClient,
    bucket: Bucket,
    credentials: Credentials,
}

impl S3Bucket {
    /// The bucket `name` in AWS's `region`, or on the server at `endpoint`. Such a server has the bucket in the
    /// path, because `bucket.127.0.0.1` is no host.
    ///
    /// # Errors
    ///
    /// When the name cannot be part of a host.
    pub fn new(
        http: HttpClient,
        endpoint: Option<Url>,
        name: String,
        region: String,
        credentials: Credentials,
    ) -> Result<Self, BucketError> {
        let bucket = match endpoint {
            Some(endpoint) => Bucket::new(endpoint, UrlStyle::Path, name, region)?,
            None => {
                let endpoint = Url::parse(&format!("https://s3.{region}.amazonaws.com"))?;
                Bucket::new(endpoint, UrlStyle::VirtualHost, name, region)?
            }
        };
        Ok(Self { http, bucket, credentials })
    }

    /// A URL with which anybody can get the object for `lifetime`. Nothing is sent.
    pub fn presigned_get(&self, key: &str, lifetime: Duration) -> Url {
        self.bucket.get_object(Some(&self.credentials), key).sign(lifetime)
    }

    /// A URL with which anybody can put the object for `lifetime`, with these headers and these values only.
    /// Their names are lower case. Nothing is sent.
    pub fn presigned_put(&self, key: &str, lifetime: Duration, headers: &[(&'static str, String)]) -> Url {
        let mut put = self.bucket.put_object(Some(&self.credentials), key);
        for (name, value) in headers {
            put.headers_mut().insert(*name, value.as_str());
        }
        put.sign(lifetime)
    }

    /// Gets the object at `key`, or only its `first_bytes`. A missing object's status is 403 where the caller may
    /// not list the bucket, and 404 elsewhere; 416 is an empty object's response to any range.
    pub async fn get(&self, key: &str, first_bytes: Option<u64>) -> Result<Option<Object>, S3Error> {
        let request = || {
            let url = self.presigned_get(key, SIGNED_FOR);
            let mut request = Request::get(url.as_str());
            if let Some(bytes) = first_bytes {
                request = request.header("range", format!("bytes=0-{}", bytes.saturating_sub(1)));
            }
            request.body(Bytes::new())
        };
        match self.send(request).await {
            Ok(response) => {
                let size = whole_size(&response.headers).unwrap_or(response.body.len() as u64);
                Ok(Some(Object { bytes: response.body, size }))
            }
            Err(S3Error::Refused { status, .. }) if matches!(status.as_u16(), 403 | 404 | 416) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts an object of `content_type` at `key`.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), S3Error> {
        let request = || {
            let url = self.presigned_put(key, SIGNED_FOR, &[("content-type", content_type.to_owned())]);
            Request::put(url.as_str()).header("content-type", content_type).body(bytes.clone())
        };
        self.send(request).await.map(drop)
    }

    /// Deletes the object at `key`. A missing object is no error.
    pub async fn delete(&self, key: &str) -> Result<(), S3Error> {
        let request = || {
            let url = self.bucket.delete_object(Some(&self.credentials), key).sign(SIGNED_FOR);
            Request::delete(url.as_str()).body(Bytes::new())
        };
        self.send(request).await.map(drop)
    }

    /// Sends a request, again after what may pass: no response, throttling, an error of S3's own. Every request
    /// here may be repeated. Each try is signed anew.
    async fn send(
        &self,
        request: impl Fn() -> http::Result<Request<Bytes>>,
    ) -> Result<net::Response, S3Error> {
        let deadline = Instant::now() + TIME_LIMIT;
        let mut tries = 1;
        loop {
            let request = request().map_err(|error| S3Error::NoResponse(error.to_string()))?;
            let until = deadline.min(Instant::now() + TRY);
            let error = match timeout_at(until, net::send(&self.http, request, MAX_BODY_BYTES)).await {
                Ok(Ok(response)) if response.status.is_success() => return Ok(response),
                Ok(Ok(response)) => S3Error::of_response(&response),
                Ok(Err(error)) => S3Error::NoResponse(error.to_string()),
                Err(_) => S3Error::NoResponse("no response in time".to_owned()),
            };
            let pause = net::pause_after(tries, FIRST_PAUSE);
            if !error.is_transient() || tries == MAX_TRIES || Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
            tries += 1;
        }
    }
}

impl S3Error {
    fn of_response(response: &net::Response) -> Self {
        let document = String::from_utf8_lossy(&response.body);
        let code = document.split_once("<Code>").and_then(|(_, code)| code.split_once("</Code>"));
        let code = code.map_or("without a code", |(code, _)| code);
        let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let code = if is_word { code } else { "with an unusable code" };
        Self::Refused { status: response.status, code: code.to_owned() }
    }

    /// Whether the same request may succeed later.
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, code } => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    || code == "RequestTimeout"
            }
            Self::NoResponse(_) => true,
        }
    }
}

/// The whole object's length, which a response to a range says after a slash.
fn whole_size(headers: &HeaderMap) -> Option<u64> {
    headers.get("content-range")?.to_str().ok()?.rsplit_once('/')?.1.parse().ok()
}
