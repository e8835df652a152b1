//! `POST /api/prompt-preview`: the prompt that options would become. Nothing is charged and nothing is kept.

use common::api::{self, Caller, Problem};
use common::config::{self, ConfigError};
use common::prompt::{self, Options};
use common::validation::{Faults, Fields};
use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde_json::{Map, Value, json};

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self { log_level: config::log_level(settings) })
    }
}

/// The function. It has no state.
#[derive(Debug, Default)]
pub struct PromptPreview;

impl PromptPreview {
    /// Answers one request, which arrived at `now`.
    pub async fn handle(&self, mut request: Request, now: Timestamp) -> Response<Body> {
        let body = std::mem::take(request.body_mut());
        api::answer(&request, async { preview(&request, body, now) }).await
    }
}

fn preview(request: &Request, body: Body, now: Timestamp) -> Result<Response<Body>, Problem> {
    api::expect_route(request, Method::POST, "/api/prompt-preview")?;
    Caller::of(request, now)?;
    let prompt = prompt::build(&read(api::object(request, body)?)?);
    api::ok(&json!({"prompt": prompt, "prompt_length": prompt.chars().count()}))
}

fn read(body: Map<String, Value>) -> Result<Options, Faults> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let options = match fields.object("options") {
        Some(options) => {
            let pointer = fields.pointer("options");
            Options::read(Fields::new(options, &pointer, fields.faults()))
        }
        None => {
            fields.missing("options", "is required: an object");
            None
        }
    };
    fields.refuse_rest(|_| "is not a field of this request".to_owned());
    faults.or_some(options)
}
