//! Where the fal key comes from: Systems Manager in the cloud, read once.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use common::aws::{Aws, Credentials, Region};
use common::fal::FalKey;
use common::net::{self, Trust};
use common::secrets;
use serde_json::{Value, json};

use crate::harness::serve;

/// A Systems Manager with one parameter, and what it was asked.
async fn systems_manager(value: &'static str) -> (Aws, Arc<Mutex<Vec<Value>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    let answer = async move |headers: HeaderMap, body: String| {
        assert_eq!(headers["x-amz-target"], "AmazonSSM.GetParameter");
        let request: Value = serde_json::from_str(&body).expect("JSON");
        let known = request["Name"] == "/potret/fal-key";
        record.lock().expect("no panic").push(request);
        match known {
            true => (
                axum::http::StatusCode::OK,
                json!({"Parameter": {"Type": "SecureString", "Value": value}}).to_string(),
            ),
            false => {
                (axum::http::StatusCode::BAD_REQUEST, json!({"__type": "ParameterNotFound"}).to_string())
            }
        }
    };
    let endpoint = serve(Router::new().fallback(answer)).await;
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let endpoint = endpoint.parse().expect("a URL");
    (
        Aws::at(
            &endpoint,
            Region::from_static("us-east-1"),
            credentials,
            net::client(Trust::MozillaThenSystem),
        ),
        asked,
    )
}

#[tokio::test]
async fn the_parameter_is_read_decrypted_and_once() {
    let (config, asked) = systems_manager("id:secret-of-the-parameter\n").await;
    let key = secrets::fetch::<FalKey>("/potret/fal-key".to_owned(), &config).await.expect("a key");
    assert_eq!(format!("{key:?}"), "FalKey([redacted])");
    assert_eq!(*asked.lock().unwrap(), [json!({"Name": "/potret/fal-key", "WithDecryption": true})]);
}

#[tokio::test]
async fn without_a_usable_parameter_the_function_does_not_start_and_says_why() {
    let (config, _) = systems_manager("a-secret-without-its-id").await;
    let error = async |name: &str| {
        secrets::fetch::<FalKey>(name.to_owned(), &config).await.expect_err("no key").to_string()
    };
    let shape = error("/potret/fal-key").await;
    assert_eq!(
        shape,
        "the parameter /potret/fal-key must hold a fal key of the form <id>:<secret>, in visible ASCII characters"
    );
    assert!(
        error("/potret/other")
            .await
            .starts_with("the parameter /potret/other could not be read: ParameterNotFound")
    );
}
