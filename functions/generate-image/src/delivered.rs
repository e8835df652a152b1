//! A delivered batch and the response to it. A replay is made from the same record, so it says the same.

use common::api::{self, Problem, Response};
use common::coins::Coins;
use common::generations::{Generation, Job, Mode};
use common::ids::GenerationId;
use lambda_http::http::HeaderValue;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Delivered {
    /// Its record, settled.
    pub generation: Generation,
    /// Whether it was delivered before, under the same Idempotency-Key.
    pub replayed: bool,
}

#[derive(Serialize)]
struct DeliveredBody<'g> {
    generation_id: GenerationId,
    images: &'g [String],
    remaining_coins: Option<Coins>,
    debug_info: DebugInfo<'g>,
}

/// What went to fal. Parameters that the model does not have are `null`.
#[derive(Serialize)]
struct DebugInfo<'g> {
    prompt_sent: &'g str,
    model: &'g str,
    generation_mode: Mode,
    image_urls: Vec<&'g Value>,
    image_size: Option<&'g Value>,
    strength: Option<&'g Value>,
    num_inference_steps: Option<&'g Value>,
    guidance_scale: Option<&'g Value>,
    loras: &'g [Value],
    dropped_inputs: &'g [String],
}

impl Delivered {
    pub fn into_response(self) -> Result<Response, Problem> {
        let generation = &self.generation;
        let mut response = api::ok(&DeliveredBody {
            generation_id: generation.generation_id,
            images: &generation.images,
            remaining_coins: generation.remaining_coins,
            debug_info: DebugInfo::of(&generation.job),
        })?;
        locate(&mut response, generation.generation_id);
        if self.replayed {
            response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}

/// Names the address of the generation in the response.
pub(crate) fn locate(response: &mut Response, id: GenerationId) {
    if let Ok(location) = HeaderValue::from_str(&format!("/api/generations/{id}")) {
        response.headers_mut().insert("location", location);
    }
}

impl<'g> DebugInfo<'g> {
    fn of(job: &'g Job) -> Self {
        let sent = |field: &str| job.payload.get(field);
        Self {
            prompt_sent: job.prompt(),
            model: &job.model,
            generation_mode: job.mode,
            image_urls: job.image_urls().collect(),
            image_size: sent("image_size"),
            strength: sent("strength"),
            num_inference_steps: sent("num_inference_steps"),
            guidance_scale: sent("guidance_scale"),
            loras: sent("loras").and_then(Value::as_array).map_or(&[], Vec::as_slice),
            dropped_inputs: &job.dropped_inputs,
        }
    }
}
