//! DynamoDB and S3: servers inside this process, and clients of these or of other servers.

use anyhow::Context;
use axum::Router;
use axum::serve::{ListenerExt, TapIo};
use common::aws::{Aws, Credentials, DynamoDb, Region, s3_credentials};
use common::net::{self, HttpClient, Trust};
use rusty_s3::{Bucket, UrlStyle};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::cors::AllowOrigin;
use url::Url;

use sam_template::place::REGION;

use crate::guard::{self, Guard};

pub mod dynamodb;
pub mod s3;

/// The credentials and the region of all calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    region: Region,
    credentials: Credentials,
}

impl Identity {
    /// The identity for embedded servers. It protects nothing; their [`Guard`] does.
    #[must_use]
    pub fn local() -> Self {
        let credentials = Credentials::new("local", "local-secret", None, None, "local");
        Self { region: Region::from_static(REGION), credentials }
    }

    /// The region and the credentials in the variables of every AWS tool, else the local ones: most emulators
    /// accept any.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut identity = Self::local();
        if let Some(region) = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION")) {
            identity.region = Region::new(region);
        }
        if let (Some(id), Some(secret)) = (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
            identity.credentials =
                Credentials::new(id, secret, lookup("AWS_SESSION_TOKEN"), None, "environment");
        }
        identity
    }

    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The variables in which a function finds the identity.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let token = self.credentials.session_token().map(|token| ("AWS_SESSION_TOKEN", token.to_owned()));
        let variables = [
            ("AWS_REGION", self.region.to_string()),
            ("AWS_DEFAULT_REGION", self.region.to_string()),
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key().to_owned()),
        ];
        variables.into_iter().chain(token).collect()
    }
}

/// A server, with the identity and the connections of its clients.
#[derive(Debug, Clone)]
pub struct Connection {
    http: HttpClient,
    endpoint: Url,
    identity: Identity,
}

impl Connection {
    #[must_use]
    pub fn new(endpoint: Url, identity: Identity) -> Self {
        Self { http: net::client(Trust::MozillaThenSystem), endpoint, identity }
    }

    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// A DynamoDB client as the functions have it.
    #[must_use]
    pub fn dynamodb(&self) -> DynamoDb {
        let Identity { region, credentials } = self.identity.clone();
        Aws::at(&self.endpoint, region, credentials, self.http.clone()).dynamodb()
    }

    /// A bucket of the server, and with which credentials its requests are signed.
    ///
    /// # Panics
    ///
    /// When the name cannot be part of a URL.
    #[must_use]
    pub fn bucket(&self, name: &str) -> (Bucket, rusty_s3::Credentials) {
        let Identity { region, credentials } = &self.identity;
        let bucket = Bucket::new(self.endpoint.clone(), UrlStyle::Path, name.to_owned(), region.to_string());
        (bucket.expect("a bucket's name"), s3_credentials(credentials))
    }
}

/// The pages that may read a response, for the cross-origin rules of a server: those of `origins`, as
/// [`guard::allows`] says.
pub fn readable_by(origins: &[String]) -> AllowOrigin {
    let origins = origins.to_vec();
    AllowOrigin::predicate(move |origin, _| {
        origin.to_str().is_ok_and(|origin| guard::allows(&origins, origin))
    })
}

/// A listener with TCP_NODELAY. Without it the body of a response could wait for an acknowledgement of the
/// head.
pub fn answering_at_once(listener: TcpListener) -> TapIo<TcpListener, fn(&mut TcpStream)> {
    listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    })
}

/// A server inside this process on a loopback port. Dropping it stops it without waiting, and deletes its
/// temporary folder.
#[derive(Debug)]
pub struct Server {
    endpoint: Url,
    /// Stops the server when dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    temporary: Option<TempDir>,
}

impl Server {
    /// Serves `router` on a free port, behind `guard`.
    async fn start(router: Router, guard: Guard) -> anyhow::Result<Self> {
        // An address and not `localhost`, which may be another address first.
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
        let endpoint = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = axum::serve(answering_at_once(listener), guard.over(router));
        let task = tokio::spawn(async move {
            if let Err(error) = serving.with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "an embedded server failed");
            }
        });
        Ok(Self { endpoint, stop, task, temporary: None })
    }

    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Waits for running requests, stops, and deletes the temporary folder.
    ///
    /// # Errors
    ///
    /// When the server panicked or the temporary folder cannot be deleted.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.task.await.context("an embedded server panicked")?;
        self.temporary.map_or(Ok(()), TempDir::close).context("cannot delete a temporary folder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_comes_from_the_environment_and_half_a_pair_of_credentials_is_ignored() {
        let variables = Identity::from_environment(|name| Some(format!("from {name}"))).variables();
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            assert!(variables.contains(&(name, format!("from {name}"))), "{name}");
        }
        let lookup = |name: &str| (name == "AWS_ACCESS_KEY_ID").then(|| "half a pair".to_owned());
        assert_eq!(Identity::from_environment(lookup).variables(), Identity::local().variables());
    }
}
