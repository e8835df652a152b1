//! The network: every call of every function passes through it, and here it meets its trouble.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use common::net::HttpClient;
use http::{Request, Response};
use http_body_util::BodyExt;
use kit::trouble::{Failure, deliver};
use tokio::sync::Notify;

use crate::servers::Server;
use crate::world::{Moment, World};

/// One function instance's connection to the network. When the instance dies, no reply reaches it, but the requests
/// that it has sent still arrive.
#[derive(Clone)]
pub struct Connection {
    world: Arc<World>,
    death: Arc<Notify>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// The HTTP client of a new instance, and what is notified when a crash point kills the instance.
    pub(crate) fn of_instance(world: Arc<World>) -> (HttpClient, Arc<Notify>) {
        let death = Arc::new(Notify::new());
        (HttpClient::new(Self { world, death: Arc::clone(&death) }), death)
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
        let request = Request::from_parts(head, body);
        let server = Server::of(&request);
        let (trouble, crash) = self.world.begin_call(server, &request);
        if crash == Some(Moment::BeforeRequest) {
            return self.die().await;
        }
        let world = Arc::clone(&self.world);
        let reply = deliver(trouble, async move { world.serve(server, request).await }).await;
        if crash == Some(Moment::AfterReply) {
            return self.die().await;
        }
        match reply {
            Ok(response) => read(response),
            Err(Failure::Refused(refusal)) => read(server.refusal(refusal)),
            Err(Failure::NotSent) => Err(ConnectorError::timeout("no connection".into())),
            Err(Failure::ReplyLost) => Err(ConnectorError::io("the connection was lost".into())),
        }
    }

    async fn die<T>(&self) -> T {
        self.death.notify_one();
        std::future::pending().await
    }
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

fn read(response: Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| ConnectorError::user(error.into()))
}
