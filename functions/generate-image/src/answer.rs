//! The answer to a delivered batch. A replay is made from the same record, so it says the same.

use common::api::{self, Problem};
use common::generations::{Generation, Job};
use lambda_http::http::HeaderValue;
use lambda_http::{Body, Response};
use serde_json::{Value, json};

/// A delivered batch.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its record, settled.
    pub generation: Generation,
    /// Whether it was delivered before, under the same Idempotency-Key.
    pub replayed: bool,
}

impl Answer {
    /// The HTTP form.
    pub fn into_response(self) -> Result<Response<Body>, Problem> {
        let generation = &self.generation;
        let mut response = api::ok(&json!({
            "generation_id": generation.generation_id,
            "images": generation.images,
            "remaining_coins": generation.remaining_coins,
            "debug_info": debug_info(&generation.job),
        }))?;
        if self.replayed {
            response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}

/// What went to fal. Fields that the model does not have are `null`.
fn debug_info(job: &Job) -> Value {
    let sent = |field: &str| job.payload.get(field).cloned();
    json!({
        "prompt_sent": job.prompt,
        "model": job.model,
        "generation_mode": job.mode,
        "image_urls": sent("image_urls").unwrap_or_else(|| Vec::from_iter(sent("image_url")).into()),
        "image_size": sent("image_size"),
        "strength": sent("strength"),
        "num_inference_steps": sent("num_inference_steps"),
        "guidance_scale": sent("guidance_scale"),
        "loras": sent("loras").unwrap_or_else(|| json!([])),
        "dropped_inputs": job.dropped_inputs,
    })
}
