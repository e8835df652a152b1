//! What fal responds, call by call. The client must come to a picture at a web address or to a clear failure, in time,
//! and send the key to fal only.
//!
//! The bytes read like HTTP: a status, headers, an empty line, a body. A line `---` begins the next call's response, and
//! the last one is repeated. `lost` and `refused` stand for a connection that broke and one that could not be made.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use common::fal::{FalClient, FalConfig, FalError, Input, Picture, Schnell, Tickets};
use common::net::HttpClient;
use common::secrets::Source;
use common::settings;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::offline::{block_on, setting};

/// How long the client may take.
const TIME_LIMIT: Duration = Duration::from_secs(25);

/// The most requests for one picture: as many tries as the client allows itself.
const MAX_POSTS: usize = 6;

/// The most bytes of fal's wording that may be in a log.
const MAX_REASON_BYTES: usize = 1_024;

/// fal, as the bytes have it.
#[derive(Debug, Clone)]
struct Fal(Arc<Mutex<FalState>>);

#[derive(Debug)]
struct FalState {
    responses: Vec<Vec<u8>>,
    posts: usize,
}

impl HttpConnector for Fal {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url = Url::parse(request.uri()).expect("a URL");
        assert_eq!((url.scheme(), url.host_str(), url.port()), ("http", Some("fal.offline"), None), "{url}");
        let FalState { responses, posts } = &mut *self.0.lock().expect("no panic");
        *posts += usize::from(request.method() == "POST");
        let response = if responses.len() > 1 { responses.remove(0) } else { responses[0].clone() };
        HttpConnectorFuture::ready(read(&response))
    }
}

/// The bytes are fal's responses.
pub fn run(data: &[u8]) {
    let config = settings::load(&setting, FalConfig::load).expect("a configuration");
    let Source::Value(key) = config.key else { unreachable!("the key is a value") };
    let fal = Fal(Arc::new(Mutex::new(FalState { responses: split(data), posts: 0 })));
    let client = FalClient::new(HttpClient::new(fal.clone()), config.hosts, &key);
    let input = Input::Schnell(Schnell::new("a bag".to_owned(), 4));
    block_on(async {
        let began = Instant::now();
        match client.picture(&input, began + TIME_LIMIT, &Tickets::default()).await {
            Ok(picture) => check_picture(&picture),
            Err(error) => check_error(&error),
        }
        // Tokio's clock ticks in milliseconds.
        assert!(began.elapsed() <= TIME_LIMIT + Duration::from_millis(1), "{:?}", began.elapsed());
    });
    assert!(fal.0.lock().expect("no panic").posts <= MAX_POSTS);
}

fn check_picture(picture: &Picture) {
    let url = Url::parse(&picture.url).expect("a URL");
    assert!(matches!(url.scheme(), "http" | "https") && url.has_host() && picture.url.len() <= 2_048);
    check_id(picture.request_id.as_deref());
}

fn check_error(error: &FalError) {
    assert!(error.reason.len() <= MAX_REASON_BYTES, "{} bytes for a log", error.reason.len());
    assert!(error.reason.is_ascii(), "{}", error.reason);
    check_id(error.request_id.as_deref());
}

fn check_id(id: Option<&str>) {
    let is_sane = |id: &str| id.len() <= 80 && id.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(id.is_none_or(is_sane), "{id:?}");
}

fn split(data: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<_> = data.split_inclusive(|byte| *byte == b'\n').collect();
    lines.split(|line| line.trim_ascii_end() == b"---").map(<[_]>::concat).collect()
}

fn read(response: &[u8]) -> Result<HttpResponse, ConnectorError> {
    let mut rest = response;
    let mut next_line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        rest = rest.get(end + 1..).unwrap_or_default();
        line
    };
    let status = match next_line() {
        b"lost" => return Err(ConnectorError::io("the connection was lost".into())),
        b"refused" => return Err(ConnectorError::timeout("no connection".into())),
        status => StatusCode::from_bytes(status).unwrap_or(StatusCode::OK),
    };
    let mut headers = http::HeaderMap::new();
    loop {
        let line = next_line();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]);
        // The SDK's response type accepts text headers only.
        let value =
            std::str::from_utf8(&line[colon + 1..]).ok().map(|value| HeaderValue::from_str(value.trim()));
        if let (Ok(name), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
    let mut response = Response::new(SdkBody::from(Bytes::copy_from_slice(rest)));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}
