//! One request for a batch, from its first byte to its last coin.

use common::api::{self, Response};
use generate_image::GenerateImage;
use kit::events::HttpApiEvent;
use kit::merchants::{self, Asked, Backend, Payment, pay};
use lambda_http::http::HeaderValue;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde_json::{Value, json};
use simulation::time::in_paused_time;
use simulation::world::World;

use crate::{offline, responses};

/// `POST /api/generate-image` with `body`, under `key`.
pub fn request(body: &[u8], key: Option<&HeaderValue>) -> Request {
    let mut request = HttpApiEvent::new("POST", "/api/generate-image").user("merchant").into_request();
    *request.body_mut() = Body::Binary(body.to_vec());
    if let Some(key) = key {
        request.headers_mut().insert("idempotency-key", key.clone());
    }
    request
}

/// The body of the last response when `request` is sent so many times. Only a request that is not refused at once needs
/// a simulated world, in which its user has five coins.
pub fn last_response(request: &Request, times: usize) -> Value {
    if let Some(refusal) = refusal(request) {
        return responses::check(&refusal);
    }
    in_paused_time(async || {
        let world = World::new(0).await;
        pay(&*world, &Payment::new(user(request), 5, "payment")).await;
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

/// The response, if generate-image needs no network for it.
pub fn refusal(request: &Request) -> Option<Response> {
    offline::response::<GenerateImage>(request.clone())
}

fn user(request: &Request) -> &str {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return "" };
    let jwt = context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref());
    jwt.and_then(|jwt| jwt.claims.get("sub")).map_or("", String::as_str)
}

async fn ask(world: &World, request: Request) -> Value {
    let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let (user, from) = (user(&request).to_owned(), world.now());
    let function: GenerateImage = world.instance().connect().await;
    let response = api::handle(&function, request, from).await;
    let body = responses::check(&response);
    world.auditor().asked(Asked {
        user,
        key,
        body: json!({"prompt": body["debug_info"]["prompt_sent"]}),
        from,
        until: world.now(),
        response: Some(merchants::Response { status: response.status().as_u16(), body: body.clone() }),
    });
    body
}
