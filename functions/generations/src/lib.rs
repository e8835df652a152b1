//! `GET /api/generations` and `GET /api/generations/{generation_id}`: the caller's generations.

use common::api::{self, Call, Detail, Endpoint, Problem, Response, Route, ShownGeneration};
use common::batches::{Batches, BatchesConfig, retry_after};
use common::function::{Function, Platform, StartError};
use common::generations::{CursorKey, Cursors, Generations, Position, Status};
use common::identity::UserId;
use common::ids::GenerationId;
use common::secrets::Source;
use common::settings::Settings;
use serde::Serialize;
use serde_json::json;

/// Generations per page: by default, and at most. A hundred of the longest prompts are within the limits of
/// DynamoDB's query and of Lambda's response.
const USUAL_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 100;

#[derive(Debug, Clone)]
pub struct Config {
    batches: BatchesConfig,
    cursor_key: Source<CursorKey>,
}

#[derive(Debug)]
pub struct ListGenerations {
    generations: Generations,
    batches: Batches,
    cursors: Cursors,
}

impl Function for ListGenerations {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;

    fn load(settings: &mut Settings<'_>) -> Option<Config> {
        let (batches, cursor_key) = (BatchesConfig::load(settings), Source::load(settings, "CURSOR_KEY"));
        Some(Config { batches: batches?, cursor_key: cursor_key? })
    }

    async fn connect(config: Config, platform: &Platform<'_>) -> Result<Self, StartError> {
        let cursors = Cursors::new(&platform.secret(config.cursor_key).await?);
        let batches = Batches::connect(config.batches, platform).await?;
        Ok(Self { generations: batches.generations().clone(), batches, cursors })
    }
}

impl Endpoint for ListGenerations {
    type Caller = UserId;
    const ROUTES: &'static [Route] =
        &[Route::get("/api/generations"), Route::get("/api/generations/{generation_id}")];

    async fn respond(&self, call: Call<'_, UserId>) -> Result<Response, Problem> {
        match call.path_parameter("generation_id") {
            Some(id) => self.one(&call, id).await,
            None => self.list(&call).await,
        }
    }
}

impl ListGenerations {
    async fn one(&self, call: &Call<'_, UserId>, id: &str) -> Result<Response, Problem> {
        // The id is looked up among the caller's own, so another user's and an unknown one look the same.
        let found = match GenerationId::parse(id) {
            Some(id) => self.generations.find(&call.caller, id).await?,
            None => None,
        };
        let generation = found.ok_or_else(|| Problem::new(Detail::NoSuchGeneration))?;
        let generation = self.batches.pull(generation, call.clock.arrived_at()).await?;
        let now = call.clock.now();
        let response = api::ok(&ShownGeneration::of(&generation, now))?;
        Ok(match generation.status_at(now) {
            Status::Pending => api::with_retry_after(response, retry_after(generation.created_at, now)),
            _ => response,
        })
    }

    async fn list(&self, call: &Call<'_, UserId>) -> Result<Response, Problem> {
        let (user, now) = (&call.caller, call.clock.arrived_at());
        let limit = limit(call.query_parameter("limit"))?;
        let after = self.position(user, call.query_parameter("cursor"))?;
        let page = self.generations.page(user, limit, after).await?;
        api::ok(&ShownPage {
            generations: page
                .generations
                .iter()
                .map(|generation| ShownGeneration::of(generation, now))
                .collect(),
            next_cursor: page.next.map(|position| self.cursors.seal(user, &position)),
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
    generations: Vec<ShownGeneration<'g>>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}
