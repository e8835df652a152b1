//! A generation request from arrival to response, in fal's order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use futures::future::join_all;
use serde_json::{Value, json};

use super::faults::Fault;
use super::models::{Endpoint, Job};
use super::photos::Photo;
use super::requests::Entry;
use super::responses::FalResponse;
use super::sizes::Size;
use super::{FalDouble, failures, faults, locked, pictures, queue};

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
    match fal.respond(&entry, &endpoint, &headers, &body).await {
        Some(response) => {
            entry.update(|record| record.status = Some(response.status.as_u16()));
            response.with("x-fal-request-id", &entry.request_id.to_string()).into_response()
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

impl FalDouble {
    /// The response, or `None` to close the connection without one.
    async fn respond(
        &self,
        entry: &Entry,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<FalResponse> {
        if let Err(refusal) = self.check_key(headers, path) {
            return Some(refusal);
        }
        let Some(endpoint) = Endpoint::from_id(path) else {
            return Some(failures::unknown_endpoint(path));
        };
        let fault = faults::next(&mut locked(&self.0.faults));
        entry.update(|record| record.fault = fault);
        if let Some(response) = failures::before_the_run(fault, path, &self.0.public_url) {
            return Some(response);
        }
        if headers.get("x-fal-request-timeout").is_some_and(|seconds| seconds == "0") {
            return Some(failures::start_timeout());
        }

        let checked = endpoint.check(body);
        entry.update(|record| record.dropped_fields = checked.dropped);
        let job = match checked.job {
            Ok(job) => job,
            Err(violations) => return Some(FalResponse::violations(&violations)),
        };
        let input = serde_json::from_slice(body).unwrap_or_default();
        match fault {
            Some(Fault::Queued | Fault::QueuedWithUrls | Fault::QueuedFailing) => {
                Some(self.enqueue(entry, job, input, fault))
            }
            Some(Fault::ConnectionClosed) => {
                tokio::time::sleep(self.duration(&job, fault)).await;
                None
            }
            _ => Some(self.run(job, input, fault).await),
        }
    }

    /// Starts the job in the background; the response says where its result will be.
    fn enqueue(&self, entry: &Entry, job: Job, input: Value, fault: Option<Fault>) -> FalResponse {
        let id = entry.request_id;
        let mut body = json!({ "request_id": id, "status": "IN_PROGRESS" });
        if fault != Some(Fault::Queued)
            && let Some(body) = body.as_object_mut()
        {
            body.append(&mut queue::urls(id, job.endpoint, &self.0.public_url));
        }
        self.0.queue.start(id, job.endpoint);
        let fal = self.clone();
        tokio::spawn(async move {
            let response = fal.run(job, input, fault).await;
            fal.0.queue.complete(id, response);
        });
        FalResponse::json(StatusCode::OK, &body)
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
        let drawn = self.draw(job, photos, fault == Some(Fault::BlackPicture)).await;
        tokio::time::sleep(duration.saturating_sub(started.elapsed())).await;
        match drawn {
            Ok(mut body) => {
                body["timings"] = json!({ "inference": started.elapsed().as_secs_f64() });
                FalResponse::json(StatusCode::OK, &failures::reshape(fault, body))
            }
            Err(error) => {
                tracing::error!(%error, "the fal double could not draw");
                FalResponse::platform(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Internal Server Error",
                    "internal_error",
                )
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
    async fn draw(&self, job: Job, photos: Vec<Arc<Photo>>, black: bool) -> anyhow::Result<Value> {
        let fal = self.clone();
        let work = move || {
            let size = job.size(photos.first().map(|photo| photo.size));
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
            let base = self.0.public_url.as_str().trim_end_matches('/');
            (format!("{base}/files/{name}"), name)
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
