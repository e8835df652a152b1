//! The embedded S3 refuses what S3 refuses: a presigned URL is valid only for what was signed.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use axum::http::{HeaderValue, Method};
use reqwest::StatusCode;

use super::*;
use crate::backends::{Connection, Identity};

const BUCKET: &str = "potret-uploads";
const KEY: &str = "uploads/u/face.png";
const PHOTO: &[u8] = b"not really a picture";

async fn start(data_dir: Option<&Path>) -> (EmbeddedS3, common::aws::S3) {
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static("http://localhost:5173"))
        .allow_methods([Method::GET]);
    let server = EmbeddedS3::start(data_dir, Identity::local().credentials(), cors).await.unwrap();
    let client = Connection::new(server.endpoint().clone(), Identity::local()).s3();
    create_missing_bucket(&client, BUCKET).await.unwrap();
    (server, client)
}

/// A signature of the given age that is valid for one minute.
fn signed(age: Duration) -> PresigningConfig {
    let config = PresigningConfig::builder().start_time(SystemTime::now() - age);
    config.expires_in(Duration::from_secs(60)).build().unwrap()
}

async fn presigned_put(client: &Client) -> PresignedRequest {
    let put = client.put_object().bucket(BUCKET).key(KEY);
    let put = put.content_type("image/png").content_length(PHOTO.len().try_into().unwrap());
    put.presigned(signed(Duration::ZERO)).await.unwrap()
}

async fn presigned_get(client: &Client, age: Duration) -> String {
    let get = client.get_object().bucket(BUCKET).key(KEY);
    get.presigned(signed(age)).await.unwrap().uri().to_owned()
}

/// Sends a presigned PUT with another body or content type than was signed, or with the same.
async fn put(request: &PresignedRequest, content_type: &str, body: &'static [u8]) -> StatusCode {
    let put = crate::http_client().put(request.uri()).header("content-type", content_type);
    put.body(body).send().await.unwrap().status()
}

async fn get(url: &str) -> StatusCode {
    crate::http_client().get(url).send().await.unwrap().status()
}

#[tokio::test]
async fn a_presigned_get_reads_what_a_presigned_put_stored() {
    let (server, client) = start(None).await;
    let request = presigned_put(&client).await;
    assert_eq!(put(&request, "image/png", PHOTO).await, StatusCode::OK);

    let response =
        crate::http_client().get(presigned_get(&client, Duration::ZERO).await).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.bytes().await.unwrap(), PHOTO);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_presigned_put_of_another_type_or_length_is_refused() {
    let (_server, client) = start(None).await;
    let request = presigned_put(&client).await;
    assert_eq!(put(&request, "text/html", PHOTO).await, StatusCode::FORBIDDEN);
    assert_eq!(put(&request, "image/png", b"longer than what was signed").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_changed_expired_or_unsigned_url_is_refused() {
    let (_server, client) = start(None).await;
    let object = client.put_object().bucket(BUCKET).key(KEY).body(PHOTO.to_vec().into());
    object.send().await.unwrap();
    let url = presigned_get(&client, Duration::ZERO).await;
    assert_eq!(get(&url).await, StatusCode::OK);

    assert_eq!(get(&url.replace("face.png", "other.png")).await, StatusCode::FORBIDDEN);
    assert_eq!(get(&url.replace("Expires=60", "Expires=600")).await, StatusCode::FORBIDDEN);
    assert_eq!(get(url.split('?').next().unwrap()).await, StatusCode::FORBIDDEN);
    let expired = presigned_get(&client, Duration::from_secs(61)).await;
    assert_eq!(get(&expired).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn other_credentials_are_refused() {
    let (server, _) = start(None).await;
    let stranger = Identity::from_environment(|name| Some(name.to_owned()));
    let stranger = Connection::new(server.endpoint().clone(), stranger).s3();
    assert!(create_missing_bucket(&stranger, BUCKET).await.is_err());
}

#[tokio::test]
async fn creating_a_bucket_again_or_in_parallel_changes_nothing() {
    let (_server, client) = start(None).await;
    create_missing_bucket(&client, BUCKET).await.unwrap();
    let (first, second) =
        tokio::join!(create_missing_bucket(&client, "other"), create_missing_bucket(&client, "other"));
    first.unwrap();
    second.unwrap();
    assert_eq!(client.list_buckets().send().await.unwrap().buckets().len(), 2);
}

#[tokio::test]
async fn a_data_folder_survives_a_restart_and_a_temporary_folder_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = start(Some(folder.path())).await;
    client.put_object().bucket(BUCKET).key(KEY).body(PHOTO.to_vec().into()).send().await.unwrap();
    server.stop().await.unwrap();
    let (_server, client) = start(Some(folder.path())).await;
    assert_eq!(get(&presigned_get(&client, Duration::ZERO).await).await, StatusCode::OK);

    let (server, _) = start(None).await;
    let root = server.temporary.as_ref().unwrap().path().to_owned();
    server.stop().await.unwrap();
    assert!(!root.exists());
}

#[tokio::test]
async fn a_preflight_names_the_allowed_origin() {
    let (_server, client) = start(None).await;
    let url = presigned_get(&client, Duration::ZERO).await;
    let request = crate::http_client().request(Method::OPTIONS, url);
    let request = request.header("origin", "http://localhost:5173");
    let response = request.header("access-control-request-method", "GET").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:5173");
}
