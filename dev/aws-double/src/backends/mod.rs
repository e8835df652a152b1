//! DynamoDB and S3 of the local stack: servers inside this process, or others already running.

use anyhow::Context;
use axum::serve::{ListenerExt, TapIo};
use common::aws::{Aws, Credentials, DynamoDb, Region, S3};
use common::net::{self, HttpClient, Trust};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use sam_template::place::REGION;

pub mod dynamodb;
pub mod s3;

/// A server to talk to, as whom, and over which connections.
#[derive(Debug, Clone)]
pub struct Connection {
    http: HttpClient,
    endpoint: Url,
    region: Region,
    credentials: Credentials,
}

impl Connection {
    /// A connection to a server inside this process.
    #[must_use]
    pub fn embedded(endpoint: Url) -> Self {
        let (region, credentials) = (Region::from_static(REGION), local_credentials());
        Self { http: net::client(Trust::MozillaThenSystem), endpoint, region, credentials }
    }

    /// A connection to another server, with the region and the credentials that `lookup` finds
    /// under the names that every AWS tool uses, else the local ones: most emulators accept any.
    pub fn external(endpoint: Url, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut connection = Self::embedded(endpoint);
        if let Some(region) = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION")) {
            connection.region = Region::new(region);
        }
        if let (Some(id), Some(secret)) = (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
            let token = lookup("AWS_SESSION_TOKEN");
            connection.credentials = Credentials::new(id, secret, token, None, "environment");
        }
        connection
    }

    /// The address of the server.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Region and credentials, under the names by which a function finds them in its environment.
    pub fn identity(&self) -> Vec<(&'static str, String)> {
        let token = self.credentials.session_token().map(|token| ("AWS_SESSION_TOKEN", token.to_owned()));
        let identity = [
            ("AWS_REGION", self.region.to_string()),
            ("AWS_DEFAULT_REGION", self.region.to_string()),
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key().to_owned()),
        ];
        identity.into_iter().chain(token).collect()
    }

    /// A DynamoDB client for this server, which is the functions' own.
    #[must_use]
    pub fn dynamodb(&self) -> DynamoDb {
        self.aws().dynamodb()
    }

    /// An S3 client for this server, likewise.
    #[must_use]
    pub fn s3(&self) -> S3 {
        self.aws().s3()
    }

    fn aws(&self) -> Aws {
        Aws::at(&self.endpoint, self.region.clone(), self.credentials.clone(), self.http.clone())
    }
}

/// The credentials of the embedded servers. They protect nothing: the servers listen on the
/// loopback only.
#[must_use]
pub fn local_credentials() -> Credentials {
    Credentials::new("local", "local-secret", None, None, "local")
}

/// A listener whose connections send every write at once: head and body of an answer are two, and the second
/// would otherwise wait for an acknowledgement.
pub fn answering_at_once(listener: TcpListener) -> TapIo<TcpListener, fn(&mut TcpStream)> {
    listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    })
}

/// A server of this process on a loopback port of its own. Dropping it stops it without waiting.
#[derive(Debug)]
struct Server {
    endpoint: Url,
    /// Stops the server when something is sent, and just as well when it is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds a free port and runs there what `serve` returns, until the receiver it is given
    /// resolves.
    async fn start<F>(serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> F) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        // An address, not `localhost`: for a name the S3 client would put the bucket in front of
        // it.
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("cannot listen on 127.0.0.1")?;
        let endpoint = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, stopped);
        let task = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(error = format!("{error:#}"), "an embedded server failed");
            }
        });
        Ok(Self { endpoint, stop, task })
    }

    /// Lets running requests finish, then stops.
    async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.task.await.context("an embedded server panicked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Url {
        Url::parse("http://127.0.0.1:8000").unwrap()
    }

    #[test]
    fn external_server_gets_the_credentials_of_the_environment() {
        let connection = Connection::external(endpoint(), |name| Some(format!("from {name}")));
        assert_eq!(connection.credentials.access_key_id(), "from AWS_ACCESS_KEY_ID");
        assert_eq!(connection.credentials.secret_access_key(), "from AWS_SECRET_ACCESS_KEY");
        assert_eq!(connection.credentials.session_token(), Some("from AWS_SESSION_TOKEN"));
        assert_eq!(connection.region.as_ref(), "from AWS_REGION");
    }

    #[test]
    fn external_server_gets_the_local_credentials_when_the_environment_has_none() {
        let lookup = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "half a pair".to_owned());
        let connection = Connection::external(endpoint(), lookup);
        assert_eq!(connection.credentials.access_key_id(), local_credentials().access_key_id());
        assert_eq!(connection.region.as_ref(), REGION);
    }
}
