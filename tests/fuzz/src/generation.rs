//! One request for a batch, from its first byte to its last coin.

use std::sync::Arc;

use common::api::{self, Response};
use generate_image::GenerateImage;
use lambda_http::http::HeaderValue;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, request};
use serde_json::{Value, json};
use simulation::auditor::Asked;
use simulation::lambda::{Fate, Outcome};
use simulation::merchants::pay_once;
use simulation::network::Weather;
use simulation::world::{World, in_paused_time};

use crate::answers;
use crate::offline::Offline;

/// `POST /api/generate-image` with `body`, under `key`.
#[must_use]
pub fn request(body: &[u8], key: Option<&HeaderValue>) -> Request {
    let event = json!({
        "version": "2.0", "routeKey": "POST /api/generate-image", "rawPath": "/api/generate-image",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "stage": "$default", "http": {"method": "POST", "path": "/api/generate-image"},
            "authorizer": {"jwt": {"claims": {"sub": "merchant"}}},
        },
    });
    let mut request = request::from_str(&event.to_string()).expect("an event");
    *request.body_mut() = Body::Binary(body.to_vec());
    if let Some(key) = key {
        request.headers_mut().insert("idempotency-key", key.clone());
    }
    request
}

/// Has `request` answered `times` times over, and answers the last answer's body. Only what is not refused at once
/// is worth a world, in which five coins are there to be spent.
#[must_use]
pub fn answered(request: &Request, times: usize) -> Value {
    if let Some(refusal) = refusal(request) {
        return answers::check(&refusal);
    }
    in_paused_time(async || {
        let world = World::new(0, Weather::Calm).await;
        pay_once(&world, user(request), 5, "payment", Fate::Lives).await;
        let mut body = Value::Null;
        for _ in 0..times {
            body = ask(&world, request.clone()).await;
        }
        if let Err(failure) = world.verdict() {
            panic!("{failure:#?}");
        }
        body
    })
}

/// The answer, if it takes nobody else to give it.
#[must_use]
pub fn refusal(request: &Request) -> Option<Response> {
    Offline::default().response::<GenerateImage>(request.clone())
}

/// Whose coins are at stake.
fn user(request: &Request) -> &str {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return "" };
    let jwt = context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref());
    jwt.and_then(|jwt| jwt.claims.get("sub")).map_or("", String::as_str)
}

async fn ask(world: &Arc<World>, request: Request) -> Value {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let (user, from) = (user(&request).to_owned(), world.now());
    let response = api::handle(&world.instance().generate_image().await, request, from).await;
    let body = answers::check(&response);
    let asked = Asked {
        user,
        key,
        prompt: body["debug_info"]["prompt_sent"].as_str().unwrap_or_default().to_owned(),
        from,
        until: world.now(),
        outcome: Outcome::Answer(response.status().as_u16(), body.clone()),
    };
    world.auditor.lock().expect("no panic").asked(asked);
    body
}
