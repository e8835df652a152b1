//! `GET /api/generations` and `GET /api/generations/{generation_id}`: what the caller has had made.

use common::api::{self, Caller, Detail, Problem};
use common::aws::DynamoDb;
use common::coins::Coins;
use common::config::{self, ConfigError};
use common::cursors::{CursorKey, Cursors};
use common::generations::{Generation, GenerationId, Generations, Mode, Position, Status};
use common::identity::UserId;
use common::secrets::Source;
use common::timestamps;
use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::json;

/// Generations of a page, when the request does not say, and at most. A hundred of the longest prompts stay
/// within what DynamoDB reads at once and what Lambda lets through.
const USUAL_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 100;

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
    /// Where the generations are.
    pub generations_table: String,
    /// What seals the cursors.
    pub cursor_key: Source<CursorKey>,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self {
            log_level: config::log_level(settings),
            generations_table: config::generations_table(settings),
            cursor_key: config::cursor_key(settings),
        })
    }
}

/// The function.
#[derive(Debug)]
pub struct ListGenerations {
    generations: Generations,
    cursors: Cursors,
}

impl ListGenerations {
    /// Reads the generations through `dynamodb`, and seals cursors with `key`.
    pub fn new(config: Config, key: &CursorKey, dynamodb: DynamoDb) -> Self {
        let generations = Generations::new(dynamodb, config.generations_table);
        Self { generations, cursors: Cursors::new(key) }
    }

    /// Answers one request, which arrived at `now`.
    pub async fn handle(&self, request: Request, now: Timestamp) -> Response<Body> {
        api::answer(&request, self.respond(&request, now)).await
    }

    async fn respond(&self, request: &Request, now: Timestamp) -> Result<Response<Body>, Problem> {
        match api::path_parameter(request, "generation_id") {
            Some(id) => self.one(request, id, now).await,
            None => self.list(request, now).await,
        }
    }

    async fn one(&self, request: &Request, id: &str, now: Timestamp) -> Result<Response<Body>, Problem> {
        api::expect_route(request, Method::GET, "/api/generations/{generation_id}")?;
        let caller = Caller::of(request, now)?;
        // Somebody else's and nobody's look the same: the id is looked up among the caller's own.
        let found = match GenerationId::parse(id) {
            Some(id) => self.generations.find(&caller.user_id, id).await?,
            None => None,
        };
        let generation = found.ok_or_else(|| Problem::new(Detail::NoSuchGeneration))?;
        api::ok(&Shown::of(&generation, caller.now))
    }

    async fn list(&self, request: &Request, now: Timestamp) -> Result<Response<Body>, Problem> {
        api::expect_route(request, Method::GET, "/api/generations")?;
        let caller = Caller::of(request, now)?;
        let limit = limit(api::query_parameter(request, "limit"))?;
        let after = self.position(&caller.user_id, api::query_parameter(request, "cursor"))?;
        let page = self.generations.page(&caller.user_id, limit, after).await?;
        api::ok(&ShownPage {
            generations: page
                .generations
                .iter()
                .map(|generation| Shown::of(generation, caller.now))
                .collect(),
            next_cursor: page.next.map(|position| self.cursors.seal(&caller.user_id, &position)),
        })
    }

    fn position(&self, user: &UserId, cursor: Option<&str>) -> Result<Option<Position>, Problem> {
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let opened = cursor.map(|cursor| self.cursors.open(user, cursor)).transpose();
        opened.map_err(|error| invalid("cursor", &error.to_string()))
    }
}

fn limit(text: Option<&str>) -> Result<u16, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(USUAL_LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| invalid("limit", &format!("must be a whole number from 1 to {MAX_LIMIT}")))
}

fn invalid(parameter: &str, message: &str) -> Problem {
    let errors = json!([{"parameter": parameter, "message": message}]);
    Problem::new(Detail::InvalidParameter).with("errors", errors)
}

#[derive(Serialize)]
struct ShownPage<'g> {
    generations: Vec<Shown<'g>>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// A generation as its owner sees it.
#[derive(Serialize)]
struct Shown<'g> {
    generation_id: GenerationId,
    timestamp: String,
    status: &'static str,
    generation_mode: Mode,
    model: &'g str,
    prompt: &'g str,
    images: &'g [String],
    /// What it cost: nothing unless it succeeded.
    coins: Coins,
    remaining_coins: Option<Coins>,
    error_code: Option<&'g str>,
}

impl<'g> Shown<'g> {
    fn of(generation: &'g Generation, now: Timestamp) -> Self {
        let job = &generation.job;
        Self {
            generation_id: generation.generation_id,
            timestamp: timestamps::to_text(generation.created_at),
            status: generation.status_at(now).shown(),
            generation_mode: job.mode,
            model: &job.model,
            prompt: &job.prompt,
            images: &generation.images,
            coins: if generation.status == Status::Succeeded { generation.coins } else { Coins::default() },
            remaining_coins: generation.remaining_coins,
            error_code: generation.error_code.as_deref(),
        }
    }
}
