//! A proxy in front of AWS that records the IAM action that each call needs, and its resource.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::Url;

use crate::harness::{self, serve};

/// The proxy. Without an upstream it acts as a Systems Manager in which every parameter exists, with a value
/// that is valid for every key.
pub struct Recorder {
    upstream: Option<Url>,
    http: reqwest::Client,
    needed: Mutex<BTreeSet<String>>,
}

impl Recorder {
    /// Starts the proxy, and returns its URL as well.
    pub async fn before(upstream: Option<&Url>) -> (String, Arc<Self>) {
        let http = aws_double::http_client();
        let recorder = Arc::new(Self { upstream: upstream.cloned(), http, needed: Mutex::default() });
        (serve(Router::new().fallback(forward).with_state(Arc::clone(&recorder))).await, recorder)
    }

    /// Returns the actions since the last call, such as `dynamodb:GetItem on <table>`.
    pub fn take_needed(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.needed.lock().expect("no panic"))
    }
}

/// By <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>, a
/// transaction needs the permission of each of its writes. By the S3 manual, `HeadObject` needs the
/// permission of `GetObject`.
fn needs(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let table = text(&request["TableName"]);
    match (service, operation) {
        ("", _) => {
            let action = match *method {
                Method::PUT => "PutObject",
                Method::GET | Method::HEAD => "GetObject",
                Method::DELETE => "DeleteObject",
                _ => panic!("which permission does {method} {uri} need?"),
            };
            let folder: Vec<_> = uri.path().trim_start_matches('/').splitn(3, '/').take(2).collect();
            vec![format!("s3:{action} on {}/*", folder.join("/"))]
        }
        ("AmazonSSM", operation) => vec![format!("ssm:{operation} on parameter{}", text(&request["Name"]))],
        (_, "TransactWriteItems") => {
            let writes = request["TransactItems"].as_array().expect("writes").iter();
            let of_write = |write: &Value| {
                // The kind is Put, Update, Delete or ConditionCheck.
                let (kind, write) = write.as_object().expect("a write").iter().next().expect("its kind");
                format!("dynamodb:{kind}Item on {}", text(&write["TableName"]))
            };
            writes.map(of_write).collect()
        }
        (_, operation) => match request.get("IndexName") {
            Some(index) => vec![format!("dynamodb:{operation} on {table}/index/{}", text(index))],
            None => vec![format!("dynamodb:{operation} on {table}")],
        },
    }
}

async fn forward(
    State(recorder): State<Arc<Recorder>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    recorder.needed.lock().expect("no panic").extend(needs(&method, &uri, &headers, &body));
    let Some(upstream) = &recorder.upstream else {
        let parameter = json!({"Parameter": {"Value": format!("id:{}", "secret".repeat(8))}});
        return parameter.to_string().into_response();
    };
    let url = upstream.join(uri.path_and_query().map_or("/", |path| path.as_str())).expect("a URL");
    harness::forward(&recorder.http, (method, url), headers, body).await.into_response()
}
