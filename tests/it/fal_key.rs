//! The fal key comes from Systems Manager in the cloud, and is read once.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use common::aws::{Aws, Credentials, Region};
use common::fal::FalKey;
use common::net::{self, Trust};
use common::secrets;
use serde_json::{Value, json};

use crate::harness::serve;

/// A Systems Manager with one parameter, and the requests that it receives.
async fn systems_manager(value: &'static str) -> (Aws, Arc<Mutex<Vec<Value>>>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&requests);
    let respond = async move |headers: HeaderMap, body: String| {
        assert_eq!(headers["x-amz-target"], "AmazonSSM.GetParameter");
        let request: Value = serde_json::from_str(&body).expect("JSON");
        let (status, response) = match request["Name"] == "/potret/fal-key" {
            true => (StatusCode::OK, json!({"Parameter": {"Type": "SecureString", "Value": value}})),
            false => (StatusCode::BAD_REQUEST, json!({"__type": "ParameterNotFound"})),
        };
        record.lock().expect("no panic").push(request);
        (status, response.to_string())
    };
    let endpoint = serve(Router::new().fallback(respond)).await;
    let endpoint = endpoint.parse().expect("a URL");
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let http = net::client(Trust::MozillaThenSystem);
    (Aws::at(&endpoint, Region::from_static("us-east-1"), credentials, http), requests)
}

#[tokio::test]
async fn the_parameter_is_read_decrypted_and_once() {
    let (aws, requests) = systems_manager("id:secret-of-the-parameter\n").await;
    let key = secrets::fetch::<FalKey>("/potret/fal-key".to_owned(), &aws).await.expect("a key");
    assert_eq!(format!("{key:?}"), "FalKey([redacted])");
    assert_eq!(*requests.lock().unwrap(), [json!({"Name": "/potret/fal-key", "WithDecryption": true})]);
}

#[tokio::test]
async fn without_a_usable_parameter_the_function_does_not_start_and_says_why() {
    let (aws, _) = systems_manager("a-secret-without-its-id").await;
    let error = async |name: &str| {
        secrets::fetch::<FalKey>(name.to_owned(), &aws).await.expect_err("no key").to_string()
    };
    let form = "must hold a fal key of the form <id>:<secret>, in visible ASCII characters";
    assert_eq!(error("/potret/fal-key").await, format!("the parameter /potret/fal-key {form}"));
    let missing = error("/potret/other").await;
    let expected = "the parameter /potret/other could not be read: ParameterNotFound";
    assert!(missing.starts_with(expected), "{missing}");
}
