//! fal's webhooks, signed by a key of the bench.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::backends::{REQUEST_ID, picture};

/// Where the keys are at the bench's fal.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// The user whose generations the webhooks are about.
const USER: &str = "demo-returning";

/// The token in the address of every webhook.
const TOKEN: &str = "5f2b8c1e9a7d4360b8e4f1a2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7";

fn hex_of_hash(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// As a generation has the token.
pub fn token_hash() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, TOKEN.as_bytes()))
}

fn key_pair() -> anyhow::Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(|error| anyhow!("{error}"))
}

/// fal's public keys.
pub fn key_set() -> Value {
    let x = key_pair().map(|pair| BASE64_URL_SAFE_NO_PAD.encode(pair.public_key())).unwrap_or_default();
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]})
}

/// The unsigned event with a webhook about the picture in `slot`, from the event of another route.
pub fn event(mut event: Value, generation_id: &str, slot: usize) -> Value {
    let callback = BASE64_URL_SAFE_NO_PAD.encode(format!("{TOKEN} {slot} {generation_id} {USER}"));
    let path = format!("/api/fal-webhook/{callback}");
    let route = "POST /api/fal-webhook/{callback}";
    let body = json!({
        "request_id": REQUEST_ID, "gateway_request_id": REQUEST_ID, "status": "OK",
        "payload": picture(&json!("a prompt"))
    });
    (event["routeKey"], event["requestContext"]["routeKey"]) = (route.into(), route.into());
    let http = &mut event["requestContext"]["http"];
    (http["method"], http["path"]) = ("POST".into(), path.as_str().into());
    event["rawPath"] = path.into();
    event["pathParameters"] = json!({"callback": callback});
    event["headers"]["content-type"] = "application/json".into();
    event["body"] = body.to_string().into();
    event
}

/// The event with a signature of now, because an old one is not trusted.
pub fn signed(event: &[u8]) -> anyhow::Result<Bytes> {
    let mut event: Value = serde_json::from_slice(event)?;
    let body = hex_of_hash(event["body"].as_str().context("a webhook has a body")?.as_bytes());
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let signature = key_pair()?.sign(format!("{REQUEST_ID}\n{USER}\n{timestamp}\n{body}").as_bytes());
    let headers = [
        ("request-id", REQUEST_ID.to_owned()),
        ("user-id", USER.to_owned()),
        ("timestamp", timestamp.to_string()),
        ("signature", hex::encode(signature)),
    ];
    for (name, value) in headers {
        event["headers"][format!("x-fal-webhook-{name}")] = value.into();
    }
    Ok(event.to_string().into())
}
