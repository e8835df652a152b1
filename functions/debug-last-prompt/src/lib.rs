//! `GET /api/debug/last-prompt`: the request that the caller's newest generation sent to fal, and its status.

use common::api::{self, Call, Detail, Endpoint, Problem, Response, Route};
use common::function::{Function, Platform, StartError};
use common::generations::{Generation, Generations, Mode};
use common::identity::UserId;
use common::ids::GenerationId;
use common::settings::Settings;
use common::tables::GenerationsTable;
use common::timestamps;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Debug)]
pub struct DebugLastPrompt {
    generations: Generations,
}

impl Function for DebugLastPrompt {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = GenerationsTable;

    fn load(settings: &mut Settings<'_>) -> Option<GenerationsTable> {
        GenerationsTable::load(settings)
    }

    async fn connect(table: GenerationsTable, platform: &Platform<'_>) -> Result<Self, StartError> {
        Ok(Self { generations: Generations::new(platform.aws()?.dynamodb(), table) })
    }
}

impl Endpoint for DebugLastPrompt {
    type Caller = UserId;
    const ROUTES: &'static [Route] = &[Route::get("/api/debug/last-prompt")];

    async fn respond(&self, call: Call<'_, UserId>) -> Result<Response, Problem> {
        match self.generations.newest(&call.caller).await? {
            Some(generation) => api::ok(&LastPrompt::of(&generation, call.clock.arrived_at())),
            None => Err(Problem::new(Detail::NothingGenerated)),
        }
    }
}

#[derive(Serialize)]
struct LastPrompt<'g> {
    generation_id: GenerationId,
    timestamp: String,
    status: &'static str,
    generation_mode: Mode,
    model: &'g str,
    request: MerchantRequest<'g>,
    enhanced_prompt: &'g str,
    prompt_length: usize,
    fal_request: Value,
    payload: &'g Value,
}

#[derive(Serialize)]
struct MerchantRequest<'g> {
    has_product_images: bool,
    num_product_images: usize,
    has_face_image: bool,
    has_background_image: bool,
    has_image_url: bool,
    image_url: Option<&'g Value>,
    original_prompt: &'g str,
}

impl<'g> LastPrompt<'g> {
    fn of(generation: &'g Generation, now: Timestamp) -> Self {
        let job = &generation.job;
        let mut fal_request = job.payload.clone();
        fal_request["model"] = json!(job.model);
        Self {
            generation_id: generation.generation_id,
            timestamp: timestamps::to_text(generation.created_at),
            status: generation.status_at(now).shown(),
            generation_mode: job.mode,
            model: &job.model,
            request: MerchantRequest {
                has_product_images: job.photos.products > 0,
                num_product_images: job.photos.products,
                has_face_image: job.photos.face,
                has_background_image: job.photos.background,
                has_image_url: job.mode == Mode::ImageToImage,
                image_url: job.image_urls().next(),
                original_prompt: job.prompt(),
            },
            enhanced_prompt: job.prompt(),
            prompt_length: job.prompt().chars().count(),
            fal_request,
            payload: &job.payload,
        }
    }
}
