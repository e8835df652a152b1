//! An embedded DynamoDB.

use std::path::Path;

use anyhow::{Context, anyhow};
use dynoxide::Database;
use url::Url;

use super::Server;

/// A DynamoDB inside this process. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct EmbeddedDynamoDb {
    server: Server,
}

impl EmbeddedDynamoDb {
    /// Starts the server with its data in `dynamodb.sqlite` of that folder, or in memory.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written, the file is not a database, or no port is free.
    pub async fn start(data_dir: Option<&Path>) -> anyhow::Result<Self> {
        let database = match data_dir {
            None => Database::memory()?,
            Some(folder) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot create {}", folder.display()))?;
                let file = folder.join("dynamodb.sqlite");
                let path = file.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", file.display()))?;
                Database::new(path).with_context(|| format!("cannot open {path}"))?
            }
        };
        let server = Server::start(async |listener, stopped| {
            let stopped = async { drop(stopped.await) };
            let served = dynoxide::server::serve_with_shutdown(listener, database, stopped).await;
            served.map_err(|error| anyhow!("DynamoDB: {error}"))
        });
        Ok(Self { server: server.await? })
    }

    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.server.endpoint
    }

    /// Waits for running requests, then stops.
    ///
    /// # Errors
    ///
    /// When the server panicked.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await
    }
}

#[cfg(test)]
mod tests;
