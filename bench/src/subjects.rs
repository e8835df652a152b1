//! What is measured: each function with an event from `events/`, and what it must answer for the figure to count.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::backends::COINS;
use crate::environment::{AUDIENCE, ISSUER, JWT_SECRET};

/// How long fal takes for the pictures of a batch whose own share of the time is measured.
pub const LATENCY: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(500)];

/// How long fal takes elsewhere: less than any fal, and longer than reading the balance, which is to be done meanwhile. It
/// is not counted.
const SHORT_LATENCY: [Duration; 2] = [Duration::from_millis(40); 2];

/// A body of photos as large as they come: 4.3 MB.
const PHOTOS: usize = 4;
const PHOTO_BYTES: usize = 806_000;

/// How much is shown of an answer that is not as it must be.
const MOST_SHOWN: usize = 1_000;

/// Whether a body is the one expected.
type Check = fn(&Value) -> bool;

/// What must be answered.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// The event itself.
    Echo,
    /// An HTTP status and body.
    Http(u16, Check),
    /// An answer that is no HTTP answer.
    Bare(Check),
}

/// A function at work.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The name in the table.
    pub name: &'static str,
    /// The function whose binary runs.
    pub binary: &'static str,
    /// What it is asked.
    pub event: Bytes,
    /// What it must answer.
    pub expected: Expected,
    /// How long fal takes for each of two pictures.
    pub latency: [Duration; 2],
    /// How many events it gets after the first.
    pub warm_events: usize,
    /// Whether it trusts the authority of this run. One that does not has its own or the system's roots, as when it is
    /// deployed, and is only started.
    pub trusts_the_run: bool,
}

impl Subject {
    /// Whether it is started and asked nothing.
    pub fn is_only_started(&self) -> bool {
        !self.trusts_the_run
    }

    /// The length of the HTTP body in its event.
    pub fn body_bytes(&self) -> usize {
        let event: Value = serde_json::from_slice(&self.event).unwrap_or(Value::Null);
        event["body"].as_str().map_or(0, str::len)
    }

    /// Says what is wrong with an answer.
    pub fn check(&self, answer: &[u8]) -> anyhow::Result<()> {
        let is_as_expected = match self.expected {
            Expected::Echo => {
                serde_json::from_slice::<Value>(&self.event)? == serde_json::from_slice::<Value>(answer)?
            }
            Expected::Bare(check) => check(&serde_json::from_slice(answer)?),
            Expected::Http(status, check) => {
                let answer: Value = serde_json::from_slice(answer)?;
                let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
                answer["statusCode"] == status && check(&body.unwrap_or(Value::Null))
            }
        };
        let beginning = &answer[..answer.len().min(MOST_SHOWN)];
        ensure!(is_as_expected, "it answered {}", String::from_utf8_lossy(beginning));
        Ok(())
    }
}

/// Every subject, with events of the repository at `root`.
pub fn all(root: &Path) -> anyhow::Result<Vec<Subject>> {
    let has_coins: Check = |body| body["coins_balance"] == COINS;
    let has_pictures: Check = |body| body["images"].as_array().is_some_and(|images| images.len() == 2);
    let fixture = |path: &str| -> anyhow::Result<Value> {
        let path = root.join("events").join(path);
        let text = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let subject = |name, binary, event: Value, expected| Subject {
        name,
        binary,
        event: event.to_string().into(),
        expected,
        latency: SHORT_LATENCY,
        warm_events: if binary == "generate-image" { 8 } else { 20 },
        trusts_the_run: true,
    };
    let balance = fixture("coin-balance/success.json")?;
    let from_text = fixture("generate-image/text-to-image.json")?;
    let is_balance = Expected::Http(200, has_coins);
    let is_batch = Expected::Http(200, has_pictures);
    let coin_balance = subject("coin-balance", "coin-balance", balance.clone(), is_balance);
    let text_to_image = subject("text-to-image", "generate-image", from_text.clone(), is_batch);
    Ok(vec![
        subject("hello", "hello", balance, Expected::Echo),
        coin_balance.clone(),
        Subject { name: "batch", latency: LATENCY, warm_events: 3, ..text_to_image.clone() },
        text_to_image.clone(),
        Subject {
            warm_events: 1,
            ..subject(
                "photos",
                "generate-image",
                photos(fixture("generate-image/image-to-image.json")?),
                is_batch,
            )
        },
        subject("replay", "generate-image", fixture("generate-image/idempotent.json")?, is_batch),
        subject(
            "debug-last-prompt",
            "debug-last-prompt",
            fixture("debug-last-prompt/success.json")?,
            Expected::Http(200, |body| body["status"] == "succeeded"),
        ),
        subject(
            "generations",
            "generations",
            fixture("generations/list.json")?,
            Expected::Http(200, |body| {
                body["generations"].as_array().is_some_and(|page| page.len() == 5)
                    && body["next_cursor"].is_string()
            }),
        ),
        subject(
            "create-upload",
            "create-upload",
            fixture("create-upload/success.json")?,
            Expected::Http(201, |body| body["url"].is_string()),
        ),
        subject(
            "prompt-options",
            "prompt-options",
            fixture("prompt-options/success.json")?,
            Expected::Http(200, |body| body["lists"].is_array()),
        ),
        subject(
            "prompt-preview",
            "prompt-preview",
            fixture("prompt-preview/success.json")?,
            Expected::Http(200, |body| body["prompt"].is_string()),
        ),
        subject(
            "api-description",
            "api-description",
            fixture("api-description/success.json")?,
            Expected::Http(200, |body| body["openapi"].is_string()),
        ),
        subject(
            "add-coins",
            "add-coins",
            fixture("add-coins/success.json")?,
            Expected::Bare(|answer| answer["coins_balance"] == COINS + 100),
        ),
        subject(
            "authorizer",
            "authorizer",
            with_token(fixture("authorizer/refused.json")?)?,
            Expected::Bare(|answer| answer["isAuthorized"] == true),
        ),
        Subject { name: "coin-balance, own roots", trusts_the_run: false, ..coin_balance },
        Subject { name: "generate-image, own roots", trusts_the_run: false, ..text_to_image },
    ])
}

/// The event with photos of the greatest length in place of its own.
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

/// A JPEG as far as anybody looks who does not draw it: the header of one, and bytes that no compression makes fewer.
fn photo() -> Vec<u8> {
    let mut photo = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".to_vec();
    photo.extend(
        b"\xff\xc0\x00\x11\x08\x06\x00\x08\x00\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda\x00\x0c",
    );
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    photo.extend((photo.len()..PHOTO_BYTES).map(|_| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    }));
    photo
}

/// The event with a token that is good for an hour.
fn with_token(mut event: Value) -> anyhow::Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "demo", "iat": now, "exp": now + 3600});
    let token =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes()))?;
    let header = json!(format!("Bearer {token}"));
    event["headers"]["authorization"] = header.clone();
    event["identitySource"] = json!([header]);
    Ok(event)
}
