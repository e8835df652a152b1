//! `POST /api/prompt-preview`: the prompt that would be built from options. Nothing is charged or stored.

use common::api::{self, Call, Endpoint, Problem, Response, Route};
use common::function::Stateless;
use common::identity::UserId;
use common::prompt::{self, Options};
use common::validation::{Faults, Fields};
use serde_json::{Map, Value, json};

/// The function. It has no state.
#[derive(Debug, Default)]
pub struct PromptPreview;

impl Stateless for PromptPreview {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
}

impl Endpoint for PromptPreview {
    type Caller = UserId;
    const ROUTES: &'static [Route] = &[Route::post("/api/prompt-preview")];

    async fn respond(&self, mut call: Call<'_, UserId>) -> Result<Response, Problem> {
        let prompt = prompt::build(&read(call.object()?)?);
        api::ok(&json!({"prompt": prompt, "prompt_length": prompt.chars().count()}))
    }
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
