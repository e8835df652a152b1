//! An embedded S3, and the creation of a bucket on any server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use common::aws::Credentials;
use rusty_s3::S3Action;
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tower_http::cors::CorsLayer;

use super::{Connection, Server};
use crate::guard::Guard;
use sam_template::place::REGION;

/// How long a signature is valid.
const SIGNED_FOR: Duration = Duration::from_secs(60);

/// Starts an S3, which checks signatures and presigned URLs. Its objects are in the subfolder `s3` of
/// `data_dir`, or in a temporary folder. It accepts `credentials` only, is behind `guard`, and has the
/// cross-origin rules `cors`.
///
/// # Errors
///
/// When the folder cannot be written or no port is free.
pub async fn start(
    data_dir: Option<&Path>,
    credentials: &Credentials,
    guard: Guard,
    cors: CorsLayer,
) -> anyhow::Result<Server> {
    let (root, temporary): (PathBuf, _) = match data_dir {
        Some(folder) => (folder.join("s3"), None),
        None => {
            let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
            (folder.path().to_owned(), Some(folder))
        }
    };
    std::fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let files = FileSystem::new(&root)
        .map_err(|error| anyhow!("cannot keep objects in {}: {error:?}", root.display()))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(credentials.access_key_id(), credentials.secret_access_key()));
    let service = HandleError::new(service.build(), internal_error);
    let router = Router::new().fallback_service(service).layer(cors);
    Ok(Server { temporary, ..Server::start(router, guard).await? })
}

async fn internal_error(error: HttpError) -> StatusCode {
    tracing::error!(?error, "S3 failed");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Creates the bucket if it is missing. Works with any S3 server, and may run again or at the same time
/// elsewhere.
///
/// # Errors
///
/// When the server cannot be reached or refuses, or the bucket belongs to another account.
pub async fn create_missing_bucket(connection: &Connection, name: &str) -> anyhow::Result<()> {
    let (bucket, credentials) = connection.bucket(name);
    // S3 refuses a location in this region and demands one in all others.
    let location = match bucket.region() {
        REGION => String::new(),
        region => format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        ),
    };
    let http = crate::http_client();
    let created = http.put(bucket.create_bucket(&credentials).sign(SIGNED_FOR)).body(location).send().await;
    let created = created.map_err(reqwest::Error::without_url);
    // Servers differ in their refusal of an existing bucket. What matters is whether the bucket can be used.
    let head = http.head(bucket.head_bucket(Some(&credentials)).sign(SIGNED_FOR)).send().await;
    if head.is_ok_and(|head| head.status().is_success()) {
        return Ok(());
    }
    let status = created.with_context(|| format!("cannot create bucket {name}"))?.status();
    Err(anyhow!("cannot create bucket {name}: the server responded {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::Identity;

    const BUCKET: &str = "potret-uploads";

    async fn started(data_dir: Option<&Path>) -> (Server, Connection) {
        let server = start(data_dir, Identity::local().credentials(), Guard::default(), CorsLayer::new())
            .await
            .unwrap();
        let connection = Connection::new(server.endpoint().clone(), Identity::local());
        create_missing_bucket(&connection, BUCKET).await.unwrap();
        (server, connection)
    }

    #[tokio::test]
    async fn other_credentials_are_refused() {
        let (server, _) = started(None).await;
        let stranger = Identity::from_environment(|name| Some(name.to_owned()));
        let stranger = Connection::new(server.endpoint().clone(), stranger);
        assert!(create_missing_bucket(&stranger, BUCKET).await.is_err());
    }

    #[tokio::test]
    async fn creating_a_bucket_again_or_in_parallel_changes_nothing() {
        let (server, client) = started(None).await;
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
        let (server, client) = started(Some(folder.path())).await;
        let http = crate::http_client();
        let (bucket, credentials) = client.bucket(BUCKET);
        let put = bucket.put_object(Some(&credentials), "a").sign(SIGNED_FOR);
        assert!(http.put(put).body("photo").send().await.unwrap().status().is_success());
        server.stop().await.unwrap();
        let (_server, client) = started(Some(folder.path())).await;
        let (bucket, credentials) = client.bucket(BUCKET);
        let get = bucket.get_object(Some(&credentials), "a").sign(SIGNED_FOR);
        assert_eq!(http.get(get).send().await.unwrap().text().await.unwrap(), "photo");

        let (server, _) = started(None).await;
        let root = server.temporary.as_ref().unwrap().path().to_owned();
        server.stop().await.unwrap();
        assert!(!root.exists());
    }
}
