//! `GET /api/debug/last-prompt`: what the caller's newest generation asked of fal, and what became of it.

use common::api::{self, Caller, Detail, Problem};
use common::aws::DynamoDb;
use common::config::{self, ConfigError};
use common::generations::{Generation, GenerationId, Generations, Mode};
use common::timestamps;
use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
    /// Where the generations are.
    pub generations_table: String,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self {
            log_level: config::log_level(settings),
            generations_table: config::generations_table(settings),
        })
    }
}

/// The function.
#[derive(Debug)]
pub struct DebugLastPrompt {
    generations: Generations,
}

impl DebugLastPrompt {
    /// Reads the generations through `dynamodb`.
    pub fn new(config: Config, dynamodb: DynamoDb) -> Self {
        Self { generations: Generations::new(dynamodb, config.generations_table) }
    }

    /// Answers one request, which arrived at `now`.
    pub async fn handle(&self, request: Request, now: Timestamp) -> Response<Body> {
        api::answer(&request, self.last_prompt(&request, now)).await
    }

    async fn last_prompt(&self, request: &Request, now: Timestamp) -> Result<Response<Body>, Problem> {
        api::expect_route(request, Method::GET, "/api/debug/last-prompt")?;
        let caller = Caller::of(request, now)?;
        match self.generations.newest(&caller.user_id).await? {
            Some(generation) => api::ok(&LastPrompt::of(&generation, caller.now)),
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
    request: Asked<'g>,
    enhanced_prompt: &'g str,
    prompt_length: usize,
    fal_request: Value,
    payload: &'g Value,
}

/// What the merchant sent.
#[derive(Serialize)]
struct Asked<'g> {
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
            request: Asked {
                has_product_images: job.photos.products > 0,
                num_product_images: job.photos.products,
                has_face_image: job.photos.face,
                has_background_image: job.photos.background,
                has_image_url: job.mode == Mode::ImageToImage,
                image_url: job.image_urls().next(),
                original_prompt: &job.prompt,
            },
            enhanced_prompt: &job.prompt,
            prompt_length: job.prompt.chars().count(),
            fal_request,
            payload: &job.payload,
        }
    }
}
