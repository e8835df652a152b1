//! A generation request from arrival to response, in fal's order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::faults::Fault;
use super::models::{Endpoint, Job};
use super::photos::Photo;
use super::queue::Work;
use super::requests::Entry;
use super::responses::FalResponse;
use super::sizes::Size;
use super::{FalDouble, failures, faults, locked, pictures};

/// `X-Fal-Request-Timeout` must be longer.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// How much longer a request takes under `Fault::Slow`.
const SLOW: Duration = Duration::from_secs(60);

/// `POST /{endpoint}`.
pub async fn generate(
    State(fal): State<FalDouble>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let entry = fal.0.log.open(&endpoint, &headers, &body);
    let response = fal.respond(&entry, &endpoint, &headers, body).await;
    respond_with(&entry, response)
}

/// Records and sends the response; `None` closes the connection without one.
pub fn respond_with(entry: &Entry, response: Option<FalResponse>) -> Response {
    match response {
        Some(response) => {
            entry.update(|record| record.status = Some(response.status.as_u16()));
            response.with_id(entry.request_id).into_response()
        }
        None => connection_closed(),
    }
}

/// Any request to `/redirected`, the target of [`Fault::Redirect`].
pub async fn redirected(State(fal): State<FalDouble>, headers: HeaderMap, body: Bytes) -> Response {
    let entry = fal.0.log.open("redirected", &headers, &body);
    entry.update(|record| record.status = Some(StatusCode::NOT_FOUND.as_u16()));
    FalResponse::bare(StatusCode::NOT_FOUND, "Not Found").into_response()
}

/// The body fails before its first byte, so the server closes the connection without sending a status line.
fn connection_closed() -> Response {
    let failing =
        futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("closed on request")) });
    Response::new(Body::from_stream(failing))
}

/// Reads `X-Fal-Request-Timeout`.
fn start_timeout(seconds: &HeaderValue) -> Option<Duration> {
    let seconds: f64 = seconds.to_str().ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|timeout| *timeout > SHORTEST_TIMEOUT)
}

/// Reads `X-Fal-Store-IO`: whether fal keeps the request's body and its response.
pub fn stores_io(headers: &HeaderMap) -> bool {
    headers.get("x-fal-store-io").is_none_or(|value| value != "0")
}

impl FalDouble {
    /// What fal checks before a request is given to a model or to the queue: the key, the endpoint, and the
    /// time within which it must start.
    pub(crate) fn admit(
        &self,
        entry: &Entry,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(Endpoint, Option<Fault>, Option<Duration>), FalResponse> {
        self.check_key(headers, path)?;
        let endpoint = Endpoint::from_id(path).ok_or_else(|| failures::unknown_endpoint(path))?;
        let fault = faults::next(&mut locked(&self.0.faults));
        entry.update(|record| record.fault = fault);
        if let Some(refusal) = failures::at_the_door(fault, path, &self.below("/redirected")) {
            return Err(refusal);
        }
        let start_within = match headers.get("x-fal-request-timeout") {
            None => None,
            Some(seconds) => Some(start_timeout(seconds).ok_or_else(failures::bad_timeout)?),
        };
        Ok((endpoint, fault, start_within))
    }

    /// The response, or `None` to close the connection without one.
    async fn respond(
        &self,
        entry: &Entry,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<FalResponse> {
        // A model starts at once here, so the time within which it must start never passes.
        let (endpoint, fault, _) = match self.admit(entry, path, headers) {
            Ok(admitted) => admitted,
            Err(refusal) => return Some(refusal),
        };
        let id = entry.request_id;
        if let Some(Fault::Queued | Fault::QueuedWithUrls | Fault::QueuedFailing) = fault {
            let mut ticket = match fault {
                Some(Fault::Queued) => json!({}),
                _ => self.urls(id, endpoint),
            };
            ticket["request_id"] = json!(id);
            ticket["status"] = json!("IN_PROGRESS");
            let stores_io = stores_io(headers);
            self.enqueue(Work { id, endpoint, body, fault, webhook: None, stores_io }, None);
            return Some(FalResponse::json(StatusCode::OK, &ticket));
        }
        let response = self.work(id, endpoint, &body, fault).await;
        (fault != Some(Fault::ConnectionClosed)).then_some(response)
    }

    /// The runner's part: check the input and make the pictures.
    pub(crate) async fn work(
        &self,
        id: Uuid,
        endpoint: Endpoint,
        body: &[u8],
        fault: Option<Fault>,
    ) -> FalResponse {
        if let Some(response) = failures::before_the_run(fault) {
            return response;
        }
        let checked = endpoint.check(body);
        self.0.log.update(id, |record| record.dropped_fields = checked.dropped);
        match checked.job {
            Ok(job) => self.run(job, serde_json::from_slice(body).unwrap_or_default(), fault).await,
            Err(violations) => FalResponse::violations(&violations),
        }
    }

    /// The model's part: fetch the photos, draw, and respond after the set time.
    async fn run(&self, job: Job, input: Value, fault: Option<Fault>) -> FalResponse {
        let started = Instant::now();
        let duration = self.duration(&job, fault);
        let photos = match self.photos(&job).await {
            Ok(photos) => photos,
            Err(refusal) => return refusal,
        };
        if let Some(response) = failures::instead_of_a_picture(fault, &job, &input) {
            tokio::time::sleep(duration.saturating_sub(started.elapsed())).await;
            return response;
        }
        let endpoint = job.endpoint.id();
        let size = job.size(photos.first().map(|photo| photo.size));
        let megapixels = f64::from(size.width) * f64::from(size.height) * job.count as f64 / 1e6;
        let drawn = self.draw(job, size, photos, fault == Some(Fault::BlackPicture)).await;
        tokio::time::sleep(duration.saturating_sub(started.elapsed())).await;
        match drawn {
            Ok(mut body) => {
                body["timings"] = json!({ "inference": started.elapsed().as_secs_f64() });
                FalResponse::json(StatusCode::OK, &failures::reshape(fault, body))
                    .with("x-fal-served-from", endpoint)
                    .with("x-fal-billable-units", &megapixels.to_string())
            }
            Err(error) => {
                tracing::error!(%error, "the fal double could not draw");
                failures::internal_error()
            }
        }
    }

    async fn photos(&self, job: &Job) -> Result<Vec<Arc<Photo>>, FalResponse> {
        let fetched = join_all(job.photos().map(|url| self.0.photos.fetch(url))).await;
        let numbered = fetched.into_iter().enumerate();
        numbered
            .map(|(index, photo)| photo.map_err(|error| failures::photo_refused(job, index, error)))
            .collect()
    }

    /// Draws every picture of the job and returns the body of the response, without its timings.
    async fn draw(
        &self,
        job: Job,
        size: Size,
        photos: Vec<Arc<Photo>>,
        black: bool,
    ) -> anyhow::Result<Value> {
        let fal = self.clone();
        let work = move || {
            let seed = job.seed.unwrap_or_else(|| fastrand::u64(..));
            let mut images = Vec::new();
            for number in 0..job.count {
                // The pictures of one batch differ, as they do at fal.
                let seed = seed.wrapping_add(number as u64);
                let picture = match black {
                    true => pictures::black(size),
                    false => pictures::draw(&job, size, seed, &photos),
                };
                images.push(fal.deliver(&job, size, pictures::encode(&picture, job.format())?)?);
            }
            Ok(json!({
                "has_nsfw_concepts": vec![black; images.len()],
                "images": images,
                "seed": seed,
                "prompt": job.prompt,
            }))
        };
        tokio::task::spawn_blocking(work).await?
    }

    /// One entry of `images`: a link to the stored file, or the file itself as a data URI.
    fn deliver(&self, job: &Job, size: Size, file: Vec<u8>) -> std::io::Result<Value> {
        let content_type = job.format().to_mime_type();
        let file_size = file.len();
        let (url, file_name) = if job.inline {
            let encoded = base64::engine::general_purpose::STANDARD.encode(&file);
            (format!("data:{content_type};base64,{encoded}"), format!("image.{}", job.format))
        } else {
            let name = self.0.files.keep(&job.format, file.into())?;
            (self.below(&format!("/files/{name}")).into(), name)
        };
        Ok(json!({
            "url": url,
            "width": size.width,
            "height": size.height,
            "content_type": content_type,
            "file_name": file_name,
            "file_size": file_size,
        }))
    }

    /// How long the model takes for a job: the set time for each picture.
    fn duration(&self, job: &Job, fault: Option<Fault>) -> Duration {
        let (from, to) = locked(&self.0.latency).clone().into_inner();
        let one = from + to.saturating_sub(from).mul_f64(fastrand::f64());
        let all = one * u32::try_from(job.count).unwrap_or(1);
        if fault == Some(Fault::Slow) { all + SLOW } else { all }
    }
}
