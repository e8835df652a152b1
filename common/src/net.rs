//! The HTTP client of a process: DynamoDB, S3, Systems Manager and fal share its connections and its TLS
//! configuration, which is made once.

mod authorities;

use std::error::Error;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use thiserror::Error;

use crate::settings::environment;

/// Sends HTTP requests, over TLS where the address asks for it. Clones share the connections. It follows no
/// redirect and asks no proxy, so a secret goes to the host that it was meant for.
pub type HttpClient = aws_smithy_runtime_api::client::http::SharedHttpConnector;

/// An HTTP client that trusts the certificate authorities of AWS and of fal, and for any other server those of the
/// system. With `SSL_CERT_FILE` set, it trusts those in that file and no others.
pub fn client() -> HttpClient {
    match environment("SSL_CERT_FILE") {
        Some(_) => HttpClient::new(authorities::connector_of_the_system()),
        None => HttpClient::new(authorities::KnownFirst::default()),
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer to read.
#[derive(Debug, Error)]
pub enum HttpError {
    /// There was no connection, so nothing was sent.
    #[error("no connection could be made")]
    NotSent,
    /// The connection was lost with the request on it.
    #[error("the connection was lost")]
    NotAnswered,
    /// The answer is longer than the caller reads.
    #[error("the answer is longer than {most_bytes} bytes")]
    TooLong {
        /// The most that the caller reads.
        most_bytes: usize,
    },
}

/// Sends `request` and reads at most `most_bytes` of its answer's body. Waits for ever: the caller has a
/// deadline.
pub async fn send(
    client: &HttpClient,
    request: Request<Bytes>,
    most_bytes: usize,
) -> Result<Answer, HttpError> {
    let request = HttpRequest::try_from(request.map(SdkBody::from)).map_err(|_| HttpError::NotSent)?;
    let answer = client.call(request).await.map_err(|error| HttpError::of_connector(&error))?;
    let answer = answer.try_into_http1x().map_err(|_| HttpError::NotAnswered)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, most_bytes).collect().await.map_err(|error| {
        match error.is::<LengthLimitError>() {
            true => HttpError::TooLong { most_bytes },
            false => HttpError::NotAnswered,
        }
    })?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}

impl HttpError {
    fn of_connector(error: &ConnectorError) -> Self {
        // We set no other time limit than that of connecting.
        if error.is_timeout() || error.is_user() || is_connect(error) {
            Self::NotSent
        } else {
            Self::NotAnswered
        }
    }
}

fn is_connect(error: &(dyn Error + 'static)) -> bool {
    let hyper = error.downcast_ref::<hyper_util::client::legacy::Error>();
    hyper.is_some_and(hyper_util::client::legacy::Error::is_connect) || error.source().is_some_and(is_connect)
}
