//! The DynamoDB and the S3 of a stack: embedded servers, or others that the environment names.

use std::path::Path;

use aws_double::backends::s3::create_missing_bucket;
use aws_double::backends::{Connection, Identity, Server, dynamodb, readable_by, s3};
use aws_double::guard::Guard;
use sam_template::Resources;
use sam_template::tables::create_missing_tables;
use tower_http::cors::CorsLayer;

use crate::settings::LocalSettings;

/// Both services, with the identity that calls them, and the servers that run in this process.
pub struct Storage {
    pub identity: Identity,
    pub dynamodb: Connection,
    pub s3: Connection,
    embedded: Vec<Server>,
}

impl Storage {
    /// Starts the servers that `settings` does not name, with their data in `data_dir` or in memory, and creates
    /// the tables and buckets that do not exist yet.
    ///
    /// # Errors
    ///
    /// When a server cannot start, or refuses.
    pub async fn start(
        settings: &LocalSettings,
        environment: &impl Fn(&str) -> Option<String>,
        data_dir: Option<&Path>,
        resources: &Resources,
    ) -> anyhow::Result<Self> {
        let identity = match (&settings.dynamodb_endpoint, &settings.s3_endpoint) {
            (None, None) => Identity::local(),
            _ => Identity::from_environment(environment),
        };
        let mut embedded = Vec::new();
        let mut connection = |server: Server| {
            let connection = Connection::new(server.endpoint().clone(), identity.clone());
            embedded.push(server);
            connection
        };
        let dynamodb = match &settings.dynamodb_endpoint {
            Some(endpoint) => Connection::new(endpoint.clone(), identity.clone()),
            None => connection(dynamodb::start(data_dir).await?),
        };
        let s3 = match &settings.s3_endpoint {
            Some(endpoint) => Connection::new(endpoint.clone(), identity.clone()),
            None => connection(embedded_s3(data_dir, &identity, &resources.cors.allow_origins).await?),
        };
        create_missing_tables(&dynamodb.dynamodb(), &resources.tables).await?;
        for bucket in &resources.buckets {
            create_missing_bucket(&s3, bucket).await?;
        }
        Ok(Self { identity, dynamodb, s3, embedded })
    }

    /// Stops the embedded servers.
    ///
    /// # Errors
    ///
    /// When a server had failed, or a temporary folder cannot be deleted.
    pub async fn stop(self) -> anyhow::Result<()> {
        for server in self.embedded {
            server.stop().await?;
        }
        Ok(())
    }
}

/// An S3 for the pages of `origins`, as the template's bucket is.
async fn embedded_s3(
    data_dir: Option<&Path>,
    identity: &Identity,
    origins: &[String],
) -> anyhow::Result<Server> {
    let guard = Guard::default().for_pages_of(origins);
    s3::start(data_dir, identity.credentials(), guard, bucket_cors(origins)).await
}

/// The CORS rules of the template's bucket.
fn bucket_cors(origins: &[String]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(readable_by(origins))
        .allow_methods([http::Method::PUT])
        .allow_headers([http::header::CONTENT_TYPE, http::header::IF_NONE_MATCH])
}
