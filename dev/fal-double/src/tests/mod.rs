//! Tests of the double: its leaves one by one, its routes over real HTTP on the loopback interface.

mod control;
mod drawing;
mod faults;
mod photos;
mod queue;
mod refusals;
mod routes;
mod shapes;
mod validation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use reqwest::Response;
use serde_json::{Value, json};

use super::canvas::{Area, Canvas};
use super::models::{Endpoint, Format};
use super::photos::client_without_tls;
use super::sizes::Size;
use super::{FalDouble, Fault, Injection, Settings};

const KEY: &str = "3f2c:topsecret";
const SCHNELL: &str = "fal-ai/flux/schnell";
const GENERAL: &str = "fal-ai/flux-general/image-to-image";
const EDIT: &str = "fal-ai/flux-2/lora/edit";

/// A running double, nested as the local stack nests it, next to a server of photos.
struct Running {
    fal: FalDouble,
    host: String,
    base: String,
    http: reqwest::Client,
}

async fn start() -> Running {
    start_with(None).await
}

async fn start_with(files: Option<std::path::PathBuf>) -> Running {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let base = format!("{host}/_local/fal");
    let fal = FalDouble::new(Settings {
        public_url: base.parse().unwrap(),
        key: KEY.into(),
        latency: Duration::ZERO..=Duration::ZERO,
        files,
    });
    let app = Router::new()
        .route("/photo.png", get(|| async { photo(300, 400, [200, 40, 40]) }))
        .route(
            "/mislabelled",
            get(|| async { ([(header::CONTENT_TYPE, "text/html")], photo(600, 300, [0, 90, 0])) }),
        )
        .route("/once.png", get(once))
        .route("/broken.png", get(|| async { "this is no picture" }))
        .route("/hops/{left}", get(hop))
        .with_state(Arc::new(AtomicBool::new(false)))
        .nest("/_local/fal", fal.router());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let redirects = reqwest::redirect::Policy::none();
    let http = client_without_tls().redirect(redirects).build().unwrap();
    Running { fal, host, base, http }
}

/// Gives a photo the first time it is asked.
async fn once(State(asked): State<Arc<AtomicBool>>) -> Result<Vec<u8>, StatusCode> {
    match asked.swap(true, Ordering::Relaxed) {
        false => Ok(photo(600, 600, [0, 0, 90])),
        true => Err(StatusCode::GONE),
    }
}

async fn hop(Path(left): Path<u32>) -> impl IntoResponse {
    match left {
        0 => Redirect::temporary("/photo.png"),
        _ => Redirect::temporary(&format!("/hops/{}", left - 1)),
    }
}

/// A PNG with a disc on it.
fn photo(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let mut canvas = Canvas::plain(Size { width, height }, colour);
    let disc = Area { x: 0, y: 0, width: width as usize, height: height as usize }.inset(40);
    canvas.cover(disc, 1000, [250, 220, 90], 255);
    canvas.encode(Format::Png).unwrap()
}

impl Running {
    async fn post(&self, endpoint: &str, body: Value) -> Response {
        self.request(endpoint).json(&body).send().await.unwrap()
    }

    fn request(&self, endpoint: &str) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}/{endpoint}", self.base));
        request.header("authorization", format!("Key {KEY}"))
    }

    async fn get(&self, url: &str) -> Response {
        let request = self.http.get(url).header("authorization", format!("Key {KEY}"));
        request.send().await.unwrap()
    }

    /// Posts and returns status and body.
    async fn answer(&self, endpoint: &str, body: Value) -> (u16, Value) {
        let response = self.post(endpoint, body).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn photo_url(&self, path: &str) -> String {
        format!("{}/{path}", self.host)
    }

    fn inject(&self, fault: Fault) {
        self.fal.inject(Injection { fault, skip: 0, times: Some(1) });
    }
}

/// A valid body for the endpoint.
fn body(endpoint: Endpoint, photo: &str) -> Value {
    match endpoint {
        Endpoint::Schnell => json!({ "prompt": "a cup", "image_size": "square" }),
        Endpoint::General => json!({ "prompt": "a cup", "image_url": photo }),
        Endpoint::Flux2Edit => json!({ "prompt": "a cup", "image_urls": [photo] }),
    }
}
