//! The event that API Gateway sends, for every route. An event that `lambda_http` cannot read fails the function before
//! any handler; every other event gets a response.

use api_description::ApiDescription;
use coin_balance::CoinBalance;
use common::api::{self, HttpEvent, Response};
use create_upload::CreateUpload;
use debug_last_prompt::DebugLastPrompt;
use fal_webhook::FalWebhook;
use generations::ListGenerations;
use lambda_http::{Request, RequestExt};
use prompt_options::PromptOptions;
use prompt_preview::PromptPreview;

use crate::{generation, offline, responses};

/// The bytes are the event.
pub fn run(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<HttpEvent>(data) else { return };
    let Ok(request) = api::request(event) else { return };
    if request.raw_http_path().starts_with("/api/generate-image") {
        let _ = generation::last_response(&request, 1);
        return;
    }
    if let Some(response) = response(request) {
        responses::check(&response);
    }
}

/// The response of the function whose route it is; any function will do for an address that has none.
fn response(request: Request) -> Option<Response> {
    let path = request.raw_http_path().to_owned();
    match path.split('/').nth(2).unwrap_or_default() {
        "coin-balance" => offline::response::<CoinBalance>(request),
        "uploads" => offline::response::<CreateUpload>(request),
        "generations" => offline::response::<ListGenerations>(request),
        "debug" => offline::response::<DebugLastPrompt>(request),
        "fal-webhook" => offline::response::<FalWebhook>(request),
        "prompt-options" => offline::response::<PromptOptions>(request),
        "prompt-preview" => offline::response::<PromptPreview>(request),
        _ => offline::response::<ApiDescription>(request),
    }
}
