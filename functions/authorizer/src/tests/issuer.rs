//! An identity provider on this machine: signs tokens, and serves its public keys over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use base64::prelude::{BASE64_STANDARD, Engine};
use common::net::{self, Trust};
use common::{events, function};
use futures::FutureExt;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::keys;
use crate::{Authorizer, AuthorizerError, Decision, Event};

pub const ISSUER: &str = "https://issuer.test/auth/v1";

/// A secret of the least length that is taken.
pub const SECRET: &str = "a-secret-of-the-issuer-32-bytes!";

/// What the server answers: a status, and a text.
type Served = Arc<Mutex<(u16, String)>>;

pub struct Issuer {
    url: String,
    served: Served,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    /// Publishes one key of each kind: `rsa`, `ec` and `ed`.
    pub async fn start() -> Self {
        let served = Served::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Arc::clone(&served), Arc::clone(&asked));
        let keys = get(async move || {
            count.fetch_add(1, Ordering::SeqCst);
            let (status, text) = answers.lock().unwrap().clone();
            let mut answer = Response::new(Body::from(text));
            *answer.status_mut() = status.try_into().unwrap();
            answer.headers_mut().insert("location", "/elsewhere".parse().unwrap());
            answer
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = Router::new().route("/keys", keys);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Self { url, served, asked };
        issuer.publishes(&[jwk("rsa"), jwk("ec"), jwk("ed")]);
        issuer
    }

    pub fn publishes(&self, keys: &[Value]) {
        self.answers(200, json!({ "keys": keys }).to_string());
    }

    pub fn answers(&self, status: u16, text: impl Into<String>) {
        *self.served.lock().unwrap() = (status, text.into());
    }

    /// How often the keys were fetched.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The function, without a secret.
    pub fn authorizer(&self) -> Authorizer {
        authorizer(&self.url, None)
    }

    /// The function, which knows [`SECRET`].
    pub fn authorizer_with_secret(&self) -> Authorizer {
        authorizer(&self.url, Some(SECRET))
    }
}

pub fn authorizer(jwks_url: &str, secret: Option<&str>) -> Authorizer {
    let (jwks_url, secret) = (jwks_url.to_owned(), secret.map(str::to_owned));
    let lookup = move |name: &str| match name {
        "JWT_ISSUER" => Some(ISSUER.to_owned()),
        "JWT_AUDIENCE" => Some("app, admin".to_owned()),
        "JWKS_URL" => Some(jwks_url.clone()),
        "JWT_SECRET" => secret.clone(),
        _ => None,
    };
    // With the secret among the settings, nothing is waited for.
    let connected = function::connect(&lookup, net::client(Trust::MozillaThenSystem)).now_or_never();
    connected.expect("no wait").expect("an authorizer")
}

/// The algorithm and the private key of that name.
pub fn key(name: &str) -> (Algorithm, EncodingKey) {
    let der = |text: &str| BASE64_STANDARD.decode(text).unwrap();
    match name {
        "rsa" => (Algorithm::RS256, EncodingKey::from_rsa_der(&der(keys::RSA))),
        "short" => (Algorithm::RS256, EncodingKey::from_rsa_der(&der(keys::SHORT_RSA))),
        "ec" => (Algorithm::ES256, EncodingKey::from_ec_der(&der(keys::EC))),
        "ed" => (Algorithm::EdDSA, EncodingKey::from_ed_der(&der(keys::ED))),
        "secret" => (Algorithm::HS256, EncodingKey::from_secret(SECRET.as_bytes())),
        _ => panic!("there is no key {name}"),
    }
}

/// The public half of the key of that name.
pub fn jwk(name: &str) -> Value {
    let (algorithm, key) = key(name);
    let mut jwk = json!(Jwk::from_encoding_key(&key, algorithm).unwrap());
    jwk["kid"] = json!(name);
    jwk["use"] = json!("sig");
    jwk
}

/// Claims that are good for five minutes.
pub fn good() -> Value {
    let now = Timestamp::now().as_second();
    json!({"iss": ISSUER, "aud": "app", "sub": "user-1", "iat": now, "nbf": now, "exp": now + 300})
}

/// A token signed with the key of that name, and naming it.
pub fn signed(name: &str, claims: &Value) -> String {
    signed_as(name, name, claims)
}

/// A token signed with the key of one name, and naming another.
pub fn signed_as(name: &str, key_id: &str, claims: &Value) -> String {
    let (algorithm, key) = key(name);
    encode(&Header { kid: Some(key_id.to_owned()), ..Header::new(algorithm) }, claims, &key).unwrap()
}

/// What the function answers to a request with that `Authorization` header.
pub async fn asked(authorizer: &Authorizer, header: &str) -> Result<Decision, AuthorizerError> {
    let event: Event = serde_json::from_value(json!({
        "version": "2.0", "type": "REQUEST", "identitySource": [header], "headers": {"authorization": header},
    }))
    .unwrap();
    events::invoke(authorizer, LambdaEvent::new(event, Context::default()), Timestamp::now()).await
}

/// Whose token it is, for the function; nobody's when it is refused.
pub async fn user(authorizer: &Authorizer, token: &str) -> Option<String> {
    let answer = asked(authorizer, &format!("Bearer {token}")).await.expect("a decision");
    assert_eq!(answer.is_authorized, answer.context.is_some());
    answer.context.map(|context| context.sub.to_string())
}
