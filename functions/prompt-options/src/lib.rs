//! `GET /api/prompt-options`: every list of choices, in both languages, for anybody who builds a form.

use std::time::Duration;

use common::api::{self, Problem};
use common::config::{self, ConfigError};
use common::prompt::labels::{self, Label, List};
use common::prompt::{MAX_ADDITIONAL_CHARS, MAX_OPTION_CHARS};
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde::Serialize;

/// How long a browser may keep the lists. They change with a deployment; afterwards the ETag tells.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

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
pub struct PromptOptions;

impl PromptOptions {
    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        api::answer(&request, async { lists(&request) }).await
    }
}

fn lists(request: &Request) -> Result<Response<Body>, Problem> {
    api::expect_route(request, Method::GET, "/api/prompt-options")?;
    let lists = labels::ALL.iter().map(|list| ShownList::of(list)).collect();
    let texts = vec![ShownText { field: "additional_prompt", max_chars: MAX_ADDITIONAL_CHARS }];
    api::public(request, &Shown { lists, texts }, MAX_AGE)
}

#[derive(Serialize)]
struct Shown {
    /// The choices, in the order of the prompt.
    lists: Vec<ShownList>,
    /// The fields without choices.
    texts: Vec<ShownText>,
}

#[derive(Serialize)]
struct ShownList {
    field: &'static str,
    /// Whether other texts are refused.
    closed: bool,
    /// The field whose text takes the choice's place.
    custom_field: Option<&'static str>,
    max_chars: usize,
    choices: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    /// What to send; each label is understood as well.
    value: &'static str,
    labels: Labels,
    /// With which other choices to offer it; `null` means with any.
    offered_with: Option<OfferedWith>,
}

#[derive(Serialize)]
struct Labels {
    id: &'static str,
    en: &'static str,
}

#[derive(Serialize)]
struct OfferedWith {
    content_type: Option<&'static str>,
    /// Empty means any.
    category: &'static [&'static str],
}

#[derive(Serialize)]
struct ShownText {
    field: &'static str,
    max_chars: usize,
}

impl ShownList {
    fn of(list: &List) -> Self {
        Self {
            field: list.field,
            closed: list.closed,
            custom_field: list.custom_field,
            max_chars: MAX_OPTION_CHARS,
            choices: list.labels.iter().map(Choice::of).collect(),
        }
    }
}

impl Choice {
    fn of(label: &Label) -> Self {
        let offered = label.offered;
        let offered_with = OfferedWith { content_type: offered.content_type, category: offered.categories };
        Self {
            value: label.english,
            labels: Labels { id: label.indonesian, en: label.english },
            offered_with: (offered != labels::Offered::default()).then_some(offered_with),
        }
    }
}
