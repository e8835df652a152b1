//! Tests of the double: its parts one by one, its routes over HTTP on the loopback interface.

mod control;
mod faults;
mod photos;
mod pictures;
mod queue;
mod refusals;
mod responses;
mod routes;
mod validation;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use base64::Engine as _;
use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::Response;
use serde_json::{Value, json};

use super::models::{Checked, Endpoint};
use super::photos::client_without_tls;
use super::{FalDouble, Fault, Injection, Settings};

const KEY: &str = "3f2c:topsecret";
const SCHNELL: &str = "fal-ai/flux/schnell";
const GENERAL: &str = "fal-ai/flux-general/image-to-image";
const EDIT: &str = "fal-ai/flux-2/lora/edit";

/// A photo that is never fetched.
const PHOTO: &str = "https://example.com/a.png";

/// A running double, nested as the local stack nests it, beside a server of photos.
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

/// Responds with a photo to the first request only.
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

/// A PNG in one colour.
fn photo(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let picture = DynamicImage::from(RgbImage::from_pixel(width, height, image::Rgb(colour)));
    super::pictures::encode(&picture, ImageFormat::Png).unwrap()
}

fn data_uri(file: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(file);
    format!("data:image/png;base64,{encoded}")
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
    async fn ask(&self, endpoint: &str, body: Value) -> (u16, Value) {
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

/// A valid body with some fields changed, checked.
fn checked(endpoint: Endpoint, changes: Value) -> Checked {
    let mut body = body(endpoint, PHOTO);
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    endpoint.check(body.to_string().as_bytes())
}
