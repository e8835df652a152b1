//! The DynamoDB and the S3 of a stack: embedded servers, or others that the environment names.

use std::path::Path;

use aws_double::backends::dynamodb::EmbeddedDynamoDb;
use aws_double::backends::s3::{EmbeddedS3, create_missing_bucket};
use aws_double::backends::{Connection, Identity};
use sam_template::tables::create_missing_tables;
use tower_http::cors::{Any, CorsLayer};
use url::Url;

use crate::settings::LocalSettings;

/// Both services, with the identity that calls them, and the servers that run in this process.
pub struct Storage {
    pub identity: Identity,
    pub dynamodb: Connection,
    pub s3: Connection,
    embedded_dynamodb: Option<EmbeddedDynamoDb>,
    embedded_s3: Option<EmbeddedS3>,
}

impl Storage {
    /// Starts the servers that `settings` does not name, with their data in `data_dir` or in memory.
    ///
    /// # Errors
    ///
    /// When a server cannot start.
    pub async fn start(
        settings: &LocalSettings,
        environment: &impl Fn(&str) -> Option<String>,
        data_dir: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let identity = match (&settings.dynamodb_endpoint, &settings.s3_endpoint) {
            (None, None) => Identity::local(),
            _ => Identity::from_environment(environment),
        };
        let connection = |endpoint: &Url| Connection::new(endpoint.clone(), identity.clone());
        let (dynamodb, embedded_dynamodb) = match &settings.dynamodb_endpoint {
            Some(endpoint) => (connection(endpoint), None),
            None => {
                let server = EmbeddedDynamoDb::start(data_dir).await?;
                (connection(server.endpoint()), Some(server))
            }
        };
        let (s3, embedded_s3) = match &settings.s3_endpoint {
            Some(endpoint) => (connection(endpoint), None),
            None => {
                let server = EmbeddedS3::start(data_dir, identity.credentials(), bucket_cors()).await?;
                (connection(server.endpoint()), Some(server))
            }
        };
        Ok(Self { identity, dynamodb, s3, embedded_dynamodb, embedded_s3 })
    }

    /// Creates the template's tables and buckets that do not exist yet.
    ///
    /// # Errors
    ///
    /// When a service refuses.
    pub async fn create_missing(&self, resources: &sam_template::Resources) -> anyhow::Result<()> {
        create_missing_tables(&self.dynamodb.dynamodb(), &resources.tables).await?;
        for bucket in &resources.buckets {
            create_missing_bucket(&self.s3, bucket).await?;
        }
        Ok(())
    }

    /// Stops the embedded servers.
    ///
    /// # Errors
    ///
    /// When a server had failed, or a temporary folder cannot be deleted.
    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some(server) = self.embedded_dynamodb {
            server.stop().await?;
        }
        if let Some(server) = self.embedded_s3 {
            server.stop().await?;
        }
        Ok(())
    }
}

/// The CORS rules of the template's bucket, for every origin.
fn bucket_cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([http::Method::PUT])
        .allow_headers([http::header::CONTENT_TYPE])
}
