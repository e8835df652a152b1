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
#[derive(Clone)]
pub struct Recorder {
    pub endpoint: Url,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Option<Url>,
    http: reqwest::Client,
    needed: Mutex<BTreeSet<String>>,
}

impl Recorder {
    pub async fn before(upstream: Option<&Url>) -> Self {
        let http = aws_double::http_client();
        let shared = Arc::new(Shared { upstream: upstream.cloned(), http, needed: Mutex::default() });
        let endpoint = serve(Router::new().fallback(forward).with_state(Arc::clone(&shared))).await;
        Self { endpoint: endpoint.parse().expect("a URL"), shared }
    }

    /// Returns the actions since the last call, such as `dynamodb:GetItem on <table>`.
    pub fn take_needed(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.shared.needed.lock().expect("no panic"))
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
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    shared.needed.lock().expect("no panic").extend(needs(&method, &uri, &headers, &body));
    let Some(upstream) = &shared.upstream else {
        let parameter = json!({"Parameter": {"Value": format!("id:{}", "secret".repeat(8))}});
        return parameter.to_string().into_response();
    };
    let url = upstream.join(uri.path_and_query().map_or("/", |path| path.as_str())).expect("a URL");
    harness::forward(&shared.http, (method, url), headers, body).await.into_response()
}
