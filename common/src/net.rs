//! The HTTP client of a process: DynamoDB, S3, Systems Manager, fal and the token issuer share its
//! connections and its TLS configuration, which is made once.

mod trust;

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rustls::ClientConfig;
use thiserror::Error;

pub use trust::{Trust, TrustError};

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Sends HTTP requests, over TLS where the address asks for it. Clones share the connections. It follows no
/// redirect and asks no proxy, so a secret goes to the host that it was meant for.
pub type HttpClient = SharedHttpConnector;

/// An HTTP client that trusts the authorities of `trust`.
pub fn client(trust: Trust) -> HttpClient {
    over(builder(trust))
}

/// A reqwest client that trusts the authorities of `trust`, uses no proxy, follows no redirect and sends no
/// request twice.
pub fn builder(trust: Trust) -> reqwest::ClientBuilder {
    with_tls(trust.into_tls())
}

fn with_tls(tls: ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
}

fn over(client: reqwest::ClientBuilder) -> HttpClient {
    HttpClient::new(Connector(client.build().expect("constant settings are valid")))
}

/// reqwest as the AWS SDK asks for it.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(call(self.0.clone(), request))
    }
}

async fn call(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap)).map_err(connector_error)?;
    let response = client.execute(request).await.map_err(connector_error)?;
    let response = http::Response::from(response).map(SdkBody::from_body_1_x);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The SDK tries again after every error but a user's.
fn connector_error(error: reqwest::Error) -> ConnectorError {
    let is_builder = error.is_builder();
    // The URL may hold what no log should.
    let error = error.without_url().into();
    if is_builder { ConnectorError::user(error) } else { ConnectorError::io(error) }
}

/// The pause before the next of several tries, of which `tries` were made: it doubles from `first` on, and up to half
/// of it is left out at random, so that clients which failed together do not come again together.
pub fn pause_after(tries: u32, first: Duration) -> Duration {
    (first * 2u32.pow(tries - 1)).mul_f64(0.5 + 0.5 * fastrand::f64())
}

/// A whole response.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no response to read.
#[derive(Debug, Error)]
pub enum HttpError {
    /// There was no connection, so nothing was sent.
    #[error("no connection could be made")]
    NotSent,
    /// The connection was lost with the request on it.
    #[error("the connection was lost")]
    NotAnswered,
    #[error("the response is longer than {most_bytes} bytes")]
    TooLong { most_bytes: usize },
}

/// Sends `request` once, and reads at most `most_bytes` of its response's body. It has no time limit: the
/// caller has a deadline.
pub async fn send(
    client: &HttpClient,
    request: Request<Bytes>,
    most_bytes: usize,
) -> Result<Response, HttpError> {
    let request = HttpRequest::try_from(request.map(SdkBody::from)).map_err(|_| HttpError::NotSent)?;
    let response = client.call(request).await.map_err(|error| HttpError::of_connector(&error))?;
    let response = response.try_into_http1x().map_err(|_| HttpError::NotAnswered)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, most_bytes).collect().await.map_err(|error| {
        match error.is::<LengthLimitError>() {
            true => HttpError::TooLong { most_bytes },
            false => HttpError::NotAnswered,
        }
    })?;
    Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
}

impl HttpError {
    fn of_connector(error: &ConnectorError) -> Self {
        // No other time is limited than that of connecting.
        if error.is_timeout() || error.is_user() || is_connect(error) {
            Self::NotSent
        } else {
            Self::NotAnswered
        }
    }
}

fn is_connect(error: &ConnectorError) -> bool {
    let error = error.source().and_then(|error| error.downcast_ref::<reqwest::Error>());
    error.is_some_and(reqwest::Error::is_connect)
}

#[cfg(test)]
mod tests;
