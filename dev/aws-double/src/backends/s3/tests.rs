//! The embedded S3 refuses what S3 refuses: a presigned URL is valid only for what was signed.

use axum::http::{HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;

use super::*;
use crate::backends::Identity;

const BUCKET: &str = "potret-uploads";
const KEY: &str = "uploads/u/face.png";
const PHOTO: &[u8] = b"not really a picture";

async fn start(data_dir: Option<&Path>) -> (EmbeddedS3, Connection) {
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static("http://localhost:5173"))
        .allow_methods([Method::GET]);
    let server = EmbeddedS3::start(data_dir, Identity::local().credentials(), cors).await.unwrap();
    let connection = Connection::new(server.endpoint().clone(), Identity::local());
    create_missing_bucket(&connection, BUCKET).await.unwrap();
    (server, connection)
}

fn presigned_put(connection: &Connection) -> Url {
    let (bucket, credentials) = connection.bucket(BUCKET);
    let mut put = bucket.put_object(Some(&credentials), KEY);
    put.headers_mut().insert("content-length", PHOTO.len().to_string());
    put.headers_mut().insert("content-type", "image/png");
    put.sign(SIGNED_FOR)
}

/// A URL that was signed `age` seconds ago.
fn presigned_get(connection: &Connection, age: i64) -> Url {
    let (bucket, credentials) = connection.bucket(BUCKET);
    let signed_at = Timestamp::now() - SignedDuration::from_secs(age);
    bucket.get_object(Some(&credentials), KEY).sign_with_time(SIGNED_FOR, &signed_at)
}

/// Puts a body of a content type that may differ from what was signed.
async fn put(url: &Url, content_type: &str, body: &'static [u8]) -> StatusCode {
    let put = crate::http_client().put(url.clone()).header("content-type", content_type);
    put.body(body).send().await.unwrap().status()
}

async fn store(connection: &Connection) {
    assert_eq!(put(&presigned_put(connection), "image/png", PHOTO).await, StatusCode::OK);
}

async fn get(url: &str) -> StatusCode {
    crate::http_client().get(url).send().await.unwrap().status()
}

#[tokio::test]
async fn a_presigned_get_reads_what_a_presigned_put_stored() {
    let (server, client) = start(None).await;
    store(&client).await;
    let response = crate::http_client().get(presigned_get(&client, 0)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.bytes().await.unwrap(), PHOTO);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_presigned_put_of_another_type_or_length_is_refused() {
    let (_server, client) = start(None).await;
    let request = presigned_put(&client);
    assert_eq!(put(&request, "text/html", PHOTO).await, StatusCode::FORBIDDEN);
    assert_eq!(put(&request, "image/png", b"longer than what was signed").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_changed_expired_or_unsigned_url_is_refused() {
    let (_server, client) = start(None).await;
    store(&client).await;
    let url = presigned_get(&client, 0).to_string();
    assert_eq!(get(&url).await, StatusCode::OK);

    assert_eq!(get(&url.replace("face.png", "other.png")).await, StatusCode::FORBIDDEN);
    assert_eq!(get(&url.replace("Expires=60", "Expires=600")).await, StatusCode::FORBIDDEN);
    assert_eq!(get(url.split('?').next().unwrap()).await, StatusCode::FORBIDDEN);
    assert_eq!(get(presigned_get(&client, 61).as_str()).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn other_credentials_are_refused() {
    let (server, _) = start(None).await;
    let stranger = Identity::from_environment(|name| Some(name.to_owned()));
    let stranger = Connection::new(server.endpoint().clone(), stranger);
    assert!(create_missing_bucket(&stranger, BUCKET).await.is_err());
}

#[tokio::test]
async fn creating_a_bucket_again_or_in_parallel_changes_nothing() {
    let (server, client) = start(None).await;
    create_missing_bucket(&client, BUCKET).await.unwrap();
    let (first, second) =
        tokio::join!(create_missing_bucket(&client, "other"), create_missing_bucket(&client, "other"));
    first.unwrap();
    second.unwrap();
    let folders = std::fs::read_dir(server.temporary.as_ref().unwrap().path()).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_data_folder_survives_a_restart_and_a_temporary_folder_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (server, client) = start(Some(folder.path())).await;
    store(&client).await;
    server.stop().await.unwrap();
    let (_server, client) = start(Some(folder.path())).await;
    assert_eq!(get(presigned_get(&client, 0).as_str()).await, StatusCode::OK);

    let (server, _) = start(None).await;
    let root = server.temporary.as_ref().unwrap().path().to_owned();
    server.stop().await.unwrap();
    assert!(!root.exists());
}

#[tokio::test]
async fn a_preflight_names_the_allowed_origin() {
    let (_server, client) = start(None).await;
    let url = presigned_get(&client, 0);
    let request = crate::http_client().request(Method::OPTIONS, url);
    let request = request.header("origin", "http://localhost:5173");
    let response = request.header("access-control-request-method", "GET").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:5173");
}
