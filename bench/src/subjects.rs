//! The subjects: each function with an event from `events/` and what its response must have.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use axum::body::Bytes;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use crate::backends::{COINS, ENDED, FIRST, HEALED, SECOND};
use crate::environment::{AUDIENCE, ISSUER, JWT_SECRET};
use crate::webhooks;

/// How long fal takes for the pictures of the subject `batch`.
const LATENCY: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(500)];

/// How long fal takes elsewhere. It is less than any fal, longer than the read of the balance, which runs
/// meanwhile, and not counted.
const SHORT_LATENCY: [Duration; 2] = [Duration::from_millis(40); 2];

/// The largest photos: a body of 4.3 MB.
const PHOTOS: usize = 4;
const PHOTO_BYTES: usize = 806_000;

/// The longest part of an unexpected response that is shown.
const SHOWN_CHARS: usize = 1_000;

/// A function with its event.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The name in the table.
    pub name: &'static str,
    pub binary: &'static str,
    /// A webhook is not signed yet.
    pub event: Bytes,
    /// The part of a response that shows its success.
    pub expected: String,
    /// How long fal takes for each of two pictures.
    pub latency: [Duration; 2],
    /// The number of events after the first.
    pub warm_events: usize,
    /// Whether the function trusts the authority of this run. Otherwise it has its own or the system's roots,
    /// as when it is deployed, and is only started.
    pub trusts_the_run: bool,
}

impl Subject {
    /// Whether it gets no event.
    pub fn is_only_started(&self) -> bool {
        !self.trusts_the_run
    }

    /// The event to send now.
    pub fn fresh_event(&self) -> anyhow::Result<Bytes> {
        if self.binary == "fal-webhook" { webhooks::signed(&self.event) } else { Ok(self.event.clone()) }
    }

    /// The length of the HTTP body in the event.
    pub fn body_bytes(&self) -> usize {
        let event: Value = serde_json::from_slice(&self.event).unwrap_or_default();
        event["body"].as_str().map_or(0, str::len)
    }

    /// Refuses a response without the expected part.
    pub fn check(&self, response: &[u8]) -> anyhow::Result<()> {
        let response = String::from_utf8_lossy(response);
        let beginning: String = response.chars().take(SHOWN_CHARS).collect();
        ensure!(response.contains(&self.expected), "it responded with {beginning}");
        Ok(())
    }
}

/// All subjects, with events of the repository at `root`.
pub fn all(root: &Path) -> anyhow::Result<Vec<Subject>> {
    let fixture = |path: &str| -> anyhow::Result<Value> {
        let path = root.join("events").join(path);
        let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let subject = |name, binary, event: Value, expected: String| Subject {
        name,
        binary,
        event: event.to_string().into(),
        expected,
        latency: SHORT_LATENCY,
        warm_events: if binary == "generate-image" { 8 } else { 20 },
        trusts_the_run: true,
    };
    let http = |status: u16| format!(r#""statusCode":{status},"#);
    let simple = |name, status| {
        let event = fixture(&format!("{name}/success.json"))?;
        anyhow::Ok(subject(name, name, event, http(status)))
    };
    let coin_balance = simple("coin-balance", 200)?;
    let text_to_image = fixture("generate-image/text-to-image.json")?;
    let text_to_image = subject("text-to-image", "generate-image", text_to_image, http(200));
    let mut respond_async = fixture("generate-image/text-to-image.json")?;
    respond_async["headers"]["prefer"] = "respond-async".into();
    let one = fixture("generations/not-found.json")?;
    let follow = |name, id: &str| {
        let (mut event, path) = (one.clone(), format!("/api/generations/{id}"));
        event["rawPath"] = path.as_str().into();
        event["requestContext"]["http"]["path"] = path.into();
        event["pathParameters"]["generation_id"] = id.into();
        subject(name, "generations", event, r#"\"status\":\"succeeded\""#.to_owned())
    };
    let webhook = |name, id, slot| {
        let event = webhooks::event(one.clone(), id, slot);
        subject(name, "fal-webhook", event, r#"{\"received\":true}"#.to_owned())
    };
    let photos = photos(fixture("generate-image/image-to-image.json")?).to_string().into();
    let (payment, balance) = (fixture("add-coins/success.json")?, COINS + 100);
    let token = with_token(fixture("authorizer/refused.json")?)?;
    Ok(vec![
        subject("hello", "hello", fixture("coin-balance/success.json")?, r#""rawPath":"#.to_owned()),
        coin_balance.clone(),
        Subject { name: "batch", latency: LATENCY, warm_events: 3, ..text_to_image.clone() },
        text_to_image.clone(),
        Subject { name: "photos", event: photos, warm_events: 1, ..text_to_image.clone() },
        subject("submit", "generate-image", respond_async, http(202)),
        webhook("webhook", FIRST, 0),
        webhook("second webhook", SECOND, 1),
        follow("follow", ENDED),
        follow("heal", HEALED),
        subject("heal-batches", "heal-batches", json!({}), r#"{"due":0,"ended":0}"#.to_owned()),
        simple("debug-last-prompt", 200)?,
        subject("generations", "generations", fixture("generations/list.json")?, http(200)),
        simple("create-upload", 201)?,
        simple("prompt-options", 200)?,
        simple("prompt-preview", 200)?,
        simple("api-description", 200)?,
        subject("add-coins", "add-coins", payment, format!(r#""coins_balance":{balance}"#)),
        subject("authorizer", "authorizer", token, r#""isAuthorized":true"#.to_owned()),
        Subject { name: "coin-balance, own roots", trusts_the_run: false, ..coin_balance },
        Subject { name: "generate-image, own roots", trusts_the_run: false, ..text_to_image },
    ])
}

/// The event with the largest photos.
fn photos(mut event: Value) -> Value {
    let photo = format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(photo()));
    let products = vec![photo.as_str(); PHOTOS - 1];
    let body =
        json!({"prompt": "the bag on a marble table", "face_image": photo, "product_images": products});
    let body = body.to_string();
    event["headers"]["content-length"] = body.len().to_string().into();
    event["body"] = body.into();
    event
}

/// A JPEG for those who read only its header, with bytes that cannot be compressed.
fn photo() -> Vec<u8> {
    let mut photo = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".to_vec();
    photo.extend(
        b"\xff\xc0\x00\x11\x08\x06\x00\x08\x00\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda\x00\x0c",
    );
    let mut random = fastrand::Rng::with_seed(1);
    photo.resize_with(PHOTO_BYTES, || random.u8(..));
    photo
}

/// The event with a token that is valid for an hour.
fn with_token(mut event: Value) -> anyhow::Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "demo", "iat": now, "exp": now + 3600});
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "HS256"})), part(&claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, JWT_SECRET.as_bytes());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    let header = json!(format!("Bearer {message}.{signature}"));
    event["headers"]["authorization"] = header.clone();
    event["identitySource"] = json!([header]);
    Ok(event)
}
