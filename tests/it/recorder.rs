//! A proxy in front of AWS that writes down which IAM action each call needs, and on what.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::Url;

use crate::harness::serve;

/// The proxy. Without a server behind it, it is a Systems Manager whose every parameter is a key of every form.
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

    /// The actions that were needed so far, such as `dynamodb:GetItem on <table>`, and forgets them.
    pub fn take_needed(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.shared.needed.lock().expect("no panic"))
    }
}

/// By <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>, a transaction needs
/// the permission of each of its writes; by the S3 manual, looking at an object needs that of reading it.
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
            let folder =
                uri.path().trim_start_matches('/').splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
            vec![format!("s3:{action} on {folder}/*")]
        }
        ("AmazonSSM", operation) => vec![format!("ssm:{operation} on parameter{}", text(&request["Name"]))],
        (_, "TransactWriteItems") => {
            let writes = request["TransactItems"].as_array().expect("writes").iter();
            let of_write = |write: &Value| {
                let (kind, write) = write.as_object().expect("a write").iter().next().expect("its kind");
                let item = if kind == "ConditionCheck" {
                    "ConditionCheckItem".to_owned()
                } else {
                    format!("{kind}Item")
                };
                format!("dynamodb:{item} on {}", text(&write["TableName"]))
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
        return json!({"Parameter": {"Value": format!("id:{}", "secret".repeat(8))}})
            .to_string()
            .into_response();
    };
    // The host stays as it is, because it is signed.
    let url = upstream.join(uri.path_and_query().map_or("/", |path| path.as_str())).expect("a URL");
    let answer =
        shared.http.request(method, url).headers(headers).body(body).send().await.expect("an answer");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    (status, headers, answer.bytes().await.expect("a body")).into_response()
}
