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
mod webhooks;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use base64::Engine as _;
use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::models::{Checked, Endpoint};
use super::photos::client_without_tls;
use super::{FalDouble, Fault, Injection, Settings, locked};

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
    site: Arc<Site>,
}

/// What the server beside the double has seen.
#[derive(Default)]
struct Site {
    asked: AtomicBool,
    webhooks: Mutex<Vec<Received>>,
}

/// A webhook that arrived.
#[derive(Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Bytes,
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
    let site = Arc::new(Site::default());
    let app = Router::new()
        .route("/photo.png", get(|| async { photo(300, 400, [200, 40, 40]) }))
        .route(
            "/mislabelled",
            get(|| async { ([(header::CONTENT_TYPE, "text/html")], photo(600, 300, [0, 90, 0])) }),
        )
        .route("/once.png", get(once))
        .route("/broken.png", get(|| async { "this is no picture" }))
        .route("/hops/{left}", get(hop))
        .route("/hooks/{failures}/{name}", post(receive))
        .with_state(Arc::clone(&site))
        .nest("/_local/fal", fal.router().merge(fal.pictures()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let redirects = reqwest::redirect::Policy::none();
    let http = client_without_tls().redirect(redirects).build().unwrap();
    Running { fal, host, base, http, site }
}

/// Responds with a photo to the first request only.
async fn once(State(site): State<Arc<Site>>) -> Result<Vec<u8>, StatusCode> {
    match site.asked.swap(true, Ordering::Relaxed) {
        false => Ok(photo(600, 600, [0, 0, 90])),
        true => Err(StatusCode::GONE),
    }
}

/// Keeps the webhook, and refuses the first ones of its path.
async fn receive(
    State(site): State<Arc<Site>>,
    Path((failures, _)): Path<(usize, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut webhooks = locked(&site.webhooks);
    let earlier = webhooks.iter().filter(|webhook| webhook.path == uri.path()).count();
    webhooks.push(Received { path: uri.path().to_owned(), headers, body });
    if earlier < failures { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
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
    fn keyed(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url).header("authorization", format!("Key {KEY}"))
    }

    fn request(&self, endpoint: &str) -> RequestBuilder {
        self.keyed(Method::POST, &format!("{}/{endpoint}", self.base))
    }

    async fn post(&self, endpoint: &str, body: Value) -> Response {
        self.request(endpoint).json(&body).send().await.unwrap()
    }

    async fn get(&self, url: &str) -> Response {
        self.keyed(Method::GET, url).send().await.unwrap()
    }

    /// Posts and returns status and body.
    async fn ask(&self, endpoint: &str, body: Value) -> (u16, Value) {
        read(self.request(endpoint).json(&body)).await
    }

    /// The status and body behind a URL.
    async fn get_json(&self, url: &Value) -> (u16, Value) {
        read(self.keyed(Method::GET, url.as_str().unwrap())).await
    }

    async fn cancel(&self, url: &Value) -> (u16, Value) {
        read(self.keyed(Method::PUT, url.as_str().unwrap())).await
    }

    /// Submits a job to the queue, and returns the response's status and body.
    async fn submit(&self, body: Value, webhook: Option<&str>) -> (u16, Value) {
        read(self.submission(body, webhook)).await
    }

    fn submission(&self, body: Value, webhook: Option<&str>) -> RequestBuilder {
        let mut url: url::Url = format!("{}/{SCHNELL}", self.fal.queue_url()).parse().unwrap();
        if let Some(webhook) = webhook {
            url.query_pairs_mut().append_pair("fal_webhook", &format!("{}/hooks/{webhook}", self.host));
        }
        self.keyed(Method::POST, url.as_str()).json(&body)
    }

    /// The last status of a job.
    async fn completed(&self, job: &Value) -> Value {
        loop {
            let (status, body) = self.get_json(&job["status_url"]).await;
            if status != 202 {
                break body;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn photo_url(&self, path: &str) -> String {
        format!("{}/{path}", self.host)
    }

    fn inject(&self, fault: Fault) {
        self.fal.inject(Injection { fault, skip: 0, times: Some(1) });
    }
}

/// The status and the JSON of the response.
async fn read(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
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
