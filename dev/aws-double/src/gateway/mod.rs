//! API Gateway: an HTTP API with payload format 2.0, in front of the local functions.

mod auth;
pub(crate) mod body;
mod cors;
mod event;
mod lambda_authorizer;
mod response;
mod routes;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine};
use http::request::Parts;
use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use sam_template::{AuthorizerSpec, Resources};
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use self::body::BodyError;
use self::cors::Cors;
use self::event::Event;
use self::response::Refusal;
use self::routes::RouteTable;
use crate::lambda::LocalLambda;
use crate::tokens::SigningKey;

/// The largest request body, in bytes.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
pub const BODY_LIMIT_BYTES: usize = 10 * 1024 * 1024;

/// The longest wait for a function, by the same page.
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("apigw-requestid");

struct Gateway {
    routes: RouteTable,
    cors: Cors,
    /// Decides on the routes that are not public.
    authorizer: AuthorizerSpec,
    /// The key of the tokens, for a gateway that checks them itself.
    key: SigningKey,
    /// How long it waits for a function.
    integration_timeout: Duration,
    lambda: LocalLambda,
}

/// The gateway of the template's API as a router whose fallback answers every request. It accepts tokens that are
/// signed with `key`, and waits for a function for `integration_timeout`: [`INTEGRATION_TIMEOUT`], less in tests.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()` to have the caller's address in
/// events.
///
/// # Errors
///
/// When two paths contradict each other, or a CORS list cannot be a header.
pub fn router(
    api: &Resources,
    key: SigningKey,
    integration_timeout: Duration,
    lambda: LocalLambda,
) -> anyhow::Result<Router> {
    let gateway = Gateway {
        routes: RouteTable::new(api.routes.clone())?,
        cors: Cors::new(&api.cors)?,
        authorizer: api.authorizer.clone(),
        key,
        integration_timeout,
        lambda,
    };
    Ok(Router::new().fallback(serve).with_state(Arc::new(gateway)))
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let started = Instant::now();
    let request_id = request_id();
    let (parts, body) = request.into_parts();
    // The body is read first: a client that is still sending would see a broken connection in place of a
    // refusal.
    let body = body::read(body, BODY_LIMIT_BYTES).await;

    let mut response = gateway.response(&parts, body, &request_id).await;
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, request_id);
    }

    // A path may hold a secret, as the address of a webhook does: the route's own path is logged, as on AWS.
    let route = gateway.routes.find(&parts.method, parts.uri.path()).map(|(route, _)| route.path.as_str());
    info!(
        request_id,
        method = %parts.method,
        path = route.unwrap_or(parts.uri.path()),
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_millis() as u64,
        "request answered"
    );
    response
}

impl Gateway {
    async fn response(&self, request: &Parts, body: Result<Bytes, BodyError>, request_id: &str) -> Response {
        if let Some(response) = self.cors.preflight(request) {
            return response;
        }
        let response = self.call(request, body, request_id).await;
        let mut response = response.unwrap_or_else(|refusal| {
            warn!(request_id, reason = %refusal, "request refused");
            refusal.response()
        });
        self.cors.replace(request.headers.get(header::ORIGIN), response.headers_mut());
        response
    }

    /// Calls the function of the request's route.
    async fn call(
        &self,
        request: &Parts,
        body: Result<Bytes, BodyError>,
        request_id: &str,
    ) -> Result<Response, Refusal> {
        let (route, path_parameters) =
            self.routes.find(&request.method, request.uri.path()).ok_or(Refusal::NotFound)?;
        let mut event = Event {
            request,
            body: &[],
            route_key: &route.route_key,
            path_parameters: &path_parameters,
            authorizer: None,
            request_id,
            source_ip: source_ip(request),
            now: Timestamp::now(),
        };
        if !route.public {
            event.authorizer = Some(self.authorize(&event).await?);
        }
        let body = body?;
        event.body = &body;

        // After the timeout the function keeps running, as on AWS.
        let event = event.to_json().to_string();
        let running = self.lambda.start(&route.function, event.as_bytes())?;
        let invocation = tokio::time::timeout(self.integration_timeout, running.finished())
            .await
            .map_err(|_| Refusal::Unavailable)?;
        let response = invocation.outcome.map_err(|error| Refusal::Internal(error.error_type))?;
        response::from_function(&response).map_err(Refusal::Internal)
    }

    /// The authorizer's part of the event, or its refusal.
    async fn authorize(&self, event: &Event<'_>) -> Result<Value, Refusal> {
        match &self.authorizer {
            AuthorizerSpec::Jwt(tokens) => {
                let claims = auth::authorize(&event.request.headers, &self.key, tokens, event.now)?;
                Ok(json!({"jwt": {"claims": claims, "scopes": null}}))
            }
            AuthorizerSpec::Function(name) => lambda_authorizer::authorize(name, &self.lambda, event).await,
        }
    }
}

/// Decodes `%20` and the like. Events are JSON, so bytes that are not UTF-8 are replaced.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An id in the shape of API Gateway's: sixteen characters of base64, the last one `=`.
fn request_id() -> String {
    let random = Uuid::new_v4().into_bytes();
    BASE64_STANDARD.encode(&random[..11])
}

fn source_ip(request: &Parts) -> IpAddr {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(address)| address.ip())
}
