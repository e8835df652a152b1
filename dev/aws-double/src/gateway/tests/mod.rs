//! The gateway, called by a client over HTTP.

mod access;
mod events;
mod guards;
mod responses;

use std::sync::LazyLock;

use lambda_runtime::LambdaEvent;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::lambda::{Function, FunctionError, Handler, event_handler};
use crate::tokens::SigningKey;
use sam_template::{CorsSpec, JwtSpec, Route};

const ORIGIN: &str = "https://shop.example";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::random().unwrap());

/// A gateway with one function behind `POST /call`, `GET /items/{id}` and `GET /open/{name}`, which is
/// public.
struct Api {
    url: String,
    address: SocketAddr,
    lambda: LocalLambda,
    client: reqwest::Client,
}

impl Api {
    async fn start(handler: Handler) -> Self {
        let authorizer = AuthorizerSpec::Jwt(token_settings());
        Self::behind(authorizer, vec![("f", handler)], INTEGRATION_TIMEOUT).await
    }

    /// With the function `guard` as authorizer.
    async fn guarded_by(guard: Handler) -> Self {
        let functions = vec![("f", echo()), ("guard", guard)];
        Self::behind(AuthorizerSpec::Function("guard".into()), functions, INTEGRATION_TIMEOUT).await
    }

    async fn behind(
        authorizer: AuthorizerSpec,
        functions: Vec<(&str, Handler)>,
        integration_timeout: Duration,
    ) -> Self {
        let timeout = Duration::from_secs(20);
        let functions = functions.into_iter();
        let functions = functions.map(|(name, handler)| Function { name: name.into(), timeout, handler });
        let lambda = LocalLambda::new(functions);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service =
            router(&resources(authorizer), KEY.clone(), integration_timeout, lambda.clone()).unwrap();
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url: format!("http://{address}"), address, lambda, client: crate::http_client() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A request that the JWT authorizer accepts.
    fn call(&self) -> RequestBuilder {
        self.request(Method::POST, "/call").bearer_auth(token())
    }
}

fn resources(authorizer: AuthorizerSpec) -> Resources {
    Resources {
        functions: vec![],
        tables: vec![],
        buckets: vec![],
        routes: vec![
            route("POST /call", false, "f"),
            route("GET /items/{id}", false, "f"),
            route("GET /open/{name}", true, "f"),
            route("GET /nothing-behind", true, "missing"),
        ],
        cors: CorsSpec {
            allow_origins: vec![ORIGIN.into()],
            allow_methods: vec!["GET".into(), "POST".into()],
            allow_headers: vec!["authorization".into(), "content-type".into()],
            expose_headers: vec!["idempotency-replayed".into()],
            max_age: Some(600),
        },
        authorizer,
    }
}

/// Responds with its event.
fn echo() -> Handler {
    event_handler(|event: LambdaEvent<Value>| async move {
        let headers = json!({"content-type": "application/json"});
        let response =
            json!({"statusCode": 200, "headers": headers, "body": event.payload.to_string(), "cookies": []});
        Ok::<_, FunctionError>(response)
    })
}

fn responding(response: Value) -> Handler {
    event_handler(move |_: LambdaEvent<Value>| std::future::ready(Ok::<_, FunctionError>(response.clone())))
}

pub(super) fn route(route_key: &str, public: bool, function: &str) -> Route {
    let (method, path) = route_key.split_once(' ').unwrap();
    Route {
        method: method.into(),
        path: path.into(),
        route_key: route_key.into(),
        function: function.into(),
        public,
    }
}

fn token_settings() -> JwtSpec {
    JwtSpec { issuer: "https://issuer.test".into(), audience: vec!["app".into()] }
}

fn token() -> String {
    KEY.issue("user-1", &token_settings(), 60).unwrap()
}

/// Asserts on a response that the gateway made itself.
async fn assert_refused(response: Response, status: u16, message: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["apigw-requestid"].len(), 16);
    assert_eq!(response.text().await.unwrap(), json!({ "message": message }).to_string());
}
