//! An identity provider on this machine: signs tokens, and serves its public keys over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
use common::net::{self, Trust};
use common::{events, function};
use futures::FutureExt;
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
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

fn der(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

fn rsa() -> RsaKeyPair {
    RsaKeyPair::from_der(&der(keys::RSA)).unwrap()
}

fn ec() -> EcdsaKeyPair {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    EcdsaKeyPair::from_pkcs8(algorithm, &der(keys::EC), &SystemRandom::new()).unwrap()
}

fn ed() -> Ed25519KeyPair {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(keys::ED)).unwrap()
}

/// The public half of the key of that name.
pub fn jwk(name: &str) -> Value {
    let mut jwk = match name {
        "rsa" => {
            let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(rsa().public_key());
            json!({"kty": "RSA", "alg": "RS256", "n": BASE64.encode(n), "e": BASE64.encode(e)})
        }
        "short" => json!({"kty": "RSA", "alg": "RS256", "n": keys::SHORT_RSA_MODULUS, "e": "AQAB"}),
        "ec" => {
            let point = ec().public_key().as_ref()[1..].to_vec();
            let (x, y) = point.split_at(32);
            json!({"kty": "EC", "alg": "ES256", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y)})
        }
        "ed" => {
            json!({"kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x": BASE64.encode(ed().public_key())})
        }
        _ => panic!("there is no key {name}"),
    };
    jwk["kid"] = json!(name);
    jwk["use"] = json!("sig");
    jwk
}

/// The usual algorithm of the key of that name.
fn algorithm(name: &str) -> &'static str {
    match name {
        "rsa" => "RS256",
        "ec" => "ES256",
        "ed" => "EdDSA",
        "secret" => "HS256",
        _ => panic!("there is no key {name}"),
    }
}

fn signature(algorithm: &str, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let by_rsa = |padding: &'static dyn RsaEncoding| {
        let pair = rsa();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &random, message, &mut signature).unwrap();
        signature
    };
    let by_secret =
        |algorithm| hmac::sign(&hmac::Key::new(algorithm, SECRET.as_bytes()), message).as_ref().to_vec();
    match algorithm {
        "RS256" => by_rsa(&RSA_PKCS1_SHA256),
        "RS384" => by_rsa(&RSA_PKCS1_SHA384),
        "RS512" => by_rsa(&RSA_PKCS1_SHA512),
        "PS256" => by_rsa(&RSA_PSS_SHA256),
        "ES256" => ec().sign(&random, message).unwrap().as_ref().to_vec(),
        "EdDSA" => ed().sign(message).as_ref().to_vec(),
        "HS256" => by_secret(hmac::HMAC_SHA256),
        "HS384" => by_secret(hmac::HMAC_SHA384),
        "HS512" => by_secret(hmac::HMAC_SHA512),
        _ => panic!("nothing signs with {algorithm}"),
    }
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
    signed_in(algorithm(name), key_id, claims)
}

/// A token in any algorithm, naming a key.
pub fn signed_in(algorithm: &str, key_id: &str, claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": algorithm, "kid": key_id});
    let message = message(&header, claims);
    format!("{message}.{}", BASE64.encode(signature(algorithm, message.as_bytes())))
}

/// A token in HS256 of somebody who takes `secret` for ours.
pub fn signed_with(secret: &[u8], key_id: Option<&str>, claims: &Value) -> String {
    let message = message(&json!({"typ": "JWT", "alg": "HS256", "kid": key_id}), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", BASE64.encode(signature))
}

/// The part of a token that is signed.
fn message(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64.encode(part.to_string()));
    format!("{header}.{claims}")
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
