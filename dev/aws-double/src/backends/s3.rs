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
use tempfile::TempDir;
use tower_http::cors::CorsLayer;
use url::Url;

use super::{Connection, Server, answering_at_once};
use sam_template::place::REGION;

/// How long a signature is valid.
const SIGNED_FOR: Duration = Duration::from_secs(60);

/// An S3 inside this process, which checks signatures and presigned URLs. Dropping it stops it without
/// waiting, and deletes a temporary folder.
#[derive(Debug)]
pub struct EmbeddedS3 {
    server: Server,
    /// Deleted when dropped.
    temporary: Option<TempDir>,
}

impl EmbeddedS3 {
    /// Starts the server with its objects in the subfolder `s3` of `data_dir`, or in a temporary folder. It
    /// accepts `credentials` only, and has the cross-origin rules `cors`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written or no port is free.
    pub async fn start(
        data_dir: Option<&Path>,
        credentials: &Credentials,
        cors: CorsLayer,
    ) -> anyhow::Result<Self> {
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
        service
            .set_auth(SimpleAuth::from_single(credentials.access_key_id(), credentials.secret_access_key()));
        let service = HandleError::new(service.build(), internal_error);
        let router = Router::new().fallback_service(service).layer(cors);

        let server = Server::start(async |listener, stopped| {
            let listener = answering_at_once(listener);
            let stopped = async { drop(stopped.await) };
            Ok(axum::serve(listener, router).with_graceful_shutdown(stopped).await?)
        });
        Ok(Self { server: server.await?, temporary })
    }

    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.server.endpoint
    }

    /// Waits for running requests, stops, and deletes a temporary folder.
    ///
    /// # Errors
    ///
    /// When the server panicked or the temporary folder cannot be deleted.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        match self.temporary {
            Some(folder) => folder.close().context("cannot delete the temporary folder of S3"),
            None => Ok(()),
        }
    }
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
mod tests;
