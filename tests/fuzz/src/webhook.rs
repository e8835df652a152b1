//! What comes to the address of fal's webhooks while a batch is running. Only a webhook that fal signed for one of its
//! jobs is accepted, and a single webhook never charges, whatever it says.
//!
//! The bytes read like HTTP: the last segment of the address, headers, an empty line, a body. The segments `job-0` and
//! `job-1` stand for those of the running batch, the signature `fal's` for fal's own of everything else, and the
//! timestamp `now` for the time.

use common::api::{self, HttpEvent};
use fal_webhook::FalWebhook;
use http::{HeaderMap, HeaderName, HeaderValue};
use kit::events::HttpApiEvent;
use kit::merchants::{Backend, Payment, ask, pay};
use lambda_http::{Body, Request};
use serde_json::json;
use sha2::{Digest, Sha256};
use simulation::preferences::Preferences;
use simulation::servers::FalBehaviour;
use simulation::time::in_paused_time;
use simulation::world::{ASYNC_LEASE, World};
use tokio::time::sleep;

use crate::{offline, responses};

const SIGNATURE: &str = "x-fal-webhook-signature";

/// The bytes are the request.
pub fn run(data: &[u8]) {
    let _ = is_accepted(data);
}

/// Whether the request that the bytes are is accepted as a webhook.
pub fn is_accepted(data: &[u8]) -> bool {
    let (segment, headers, body) = read(data);
    let is_of_the_batch = matches!(segment.as_str(), "job-0" | "job-1");
    if !is_of_the_batch {
        let Some(request) = request(&segment, &headers, body) else { return false };
        if let Some(response) = offline::response::<FalWebhook>(request) {
            assert_ne!(responses::check(&response)["received"], true);
            return false;
        }
    }
    in_paused_time(async || send(&segment, headers, body).await)
}

/// Sends the request while a batch is running of which fal tells nothing by itself. Returns whether it is accepted.
async fn send(segment: &str, mut headers: HeaderMap, body: &[u8]) -> bool {
    let world = World::new(0).await;
    world.fal.behave(FalBehaviour::Silent);
    world.prefer(Preferences::Always);
    pay(&*world, &Payment::new("merchant", 5, "payment")).await;
    let started = ask(&*world, "merchant", None, &json!({"prompt": "a bag"})).await;
    assert_eq!(started.expect("a response").status, 202);
    sleep(ASYNC_LEASE / 10).await;

    let address = world.queue.address(segment);
    let segment = address.as_ref().and_then(|url| url.path().rsplit('/').next()).unwrap_or(segment);
    let is_signed = sign(&world, &mut headers, body) && address.is_some();
    let Some(request) = request(segment, &headers, body) else { return false };
    let before = world.snapshot();
    let function: FalWebhook = world.instance().connect().await;
    let response = responses::check(&api::handle(&function, request, world.now()).await);
    let after = world.snapshot();
    assert!(after.ledger.iter().all(|entry| entry["delta"].as_i64() > Some(0)), "a charge: {after:?}");
    let is_accepted = response["received"] == true;
    if is_accepted {
        assert!(is_signed, "nobody signed it");
        // A webhook of failure has ended the batch.
        let jobs = after.generations[0]["queued"].as_array().map_or(&[][..], Vec::as_slice);
        let is_web_address = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        assert!(jobs.iter().filter_map(|job| job["url"].as_str()).all(is_web_address), "{jobs:?}");
        return true;
    }
    assert_eq!(before, after, "it was refused");
    // fal has made the pictures, and they are delivered as if nothing had come.
    sleep(ASYNC_LEASE / 2).await;
    world.heal().await;
    assert_eq!(world.snapshot().generations[0]["status"], "SUCCEEDED");
    if let Err(failure) = world.verdict() {
        panic!("{failure:#?}");
    }
    false
}

/// Puts the time and fal's signature where the headers ask for them. Returns whether fal signed.
fn sign(world: &World, headers: &mut HeaderMap, body: &[u8]) -> bool {
    let timestamp = headers.get_mut("x-fal-webhook-timestamp").filter(|value| *value == "now");
    if let Some(timestamp) = timestamp {
        *timestamp = world.now().as_second().into();
    }
    if headers.get(SIGNATURE).is_none_or(|value| value != "fal's") {
        return false;
    }
    let part = |name: &str| headers.get(format!("x-fal-webhook-{name}")).and_then(|part| part.to_str().ok());
    let part = |name: &str| part(name).unwrap_or_default();
    let (request_id, user_id, timestamp) = (part("request-id"), part("user-id"), part("timestamp"));
    let body = hex::encode(Sha256::digest(body));
    let signature = world.queue.sign(&format!("{request_id}\n{user_id}\n{timestamp}\n{body}"));
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).expect("hexadecimal digits"));
    true
}

/// `POST /api/fal-webhook/{callback}`, if API Gateway could send it.
fn request(segment: &str, headers: &HeaderMap, body: &[u8]) -> Option<Request> {
    let event = HttpApiEvent::new("POST", &format!("/api/fal-webhook/{segment}"));
    let event = event.path_parameter("callback", segment).into_json().to_string();
    let mut request = api::request(serde_json::from_str::<HttpEvent>(&event).ok()?).ok()?;
    request.headers_mut().extend(headers.clone());
    *request.body_mut() = Body::Binary(body.to_vec());
    Some(request)
}

/// The segment, the headers and the body.
fn read(data: &[u8]) -> (String, HeaderMap, &[u8]) {
    let mut rest = data;
    let mut next_line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        rest = rest.get(end + 1..).unwrap_or_default();
        line
    };
    let segment = String::from_utf8_lossy(next_line()).into_owned();
    let mut headers = HeaderMap::new();
    loop {
        let line = next_line();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (segment, headers, rest)
}
