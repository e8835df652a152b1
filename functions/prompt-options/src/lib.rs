//! `GET /api/prompt-options`: every list of choices, in both languages, for anybody who builds a form.

use std::time::Duration;

use common::api::{self, Anyone, Call, Endpoint, Problem, Response, Route};
use common::function::Stateless;
use common::prompt::labels::{self, Label, List};
use common::prompt::{MAX_ADDITIONAL_CHARS, MAX_OPTION_CHARS};
use serde::Serialize;

/// How long caches may keep the lists. They change with a deployment only.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The function. It has no state.
#[derive(Debug, Default)]
pub struct PromptOptions;

impl Stateless for PromptOptions {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
}

impl Endpoint for PromptOptions {
    type Caller = Anyone;
    const ROUTES: &'static [Route] = &[Route::get("/api/prompt-options")];

    async fn respond(&self, call: Call<'_, Anyone>) -> Result<Response, Problem> {
        let lists = labels::ALL.iter().map(|list| ShownList::of(list)).collect();
        let texts = vec![ShownText { field: "additional_prompt", max_chars: MAX_ADDITIONAL_CHARS }];
        api::public(&call, &Shown { lists, texts }, MAX_AGE)
    }
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
