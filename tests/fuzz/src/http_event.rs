//! The event that API Gateway sends, for every route. What `lambda_http` cannot read at all is a failed function,
//! before any handler; what it can read gets an answer of ours.

use common::api::{self, HttpEvent};
use common::secrets::Source;
use jiff::Timestamp;
use lambda_http::{Body, Request, RequestExt, Response};

use crate::offline::{Offline, block_on, setting};
use crate::{answers, generation};

/// The bytes are the event.
pub fn run(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<HttpEvent>(data) else { return };
    let Ok(request) = api::request(event) else { return };
    if request.raw_http_path().starts_with("/api/generate-image") {
        let _ = generation::answered(&request, 1);
        return;
    }
    let offline = Offline::default();
    if let Some(response) = block_on(offline.unless_it_calls(answer(&offline, request))) {
        answers::check(&response);
    }
}

/// The answer of the function whose route it is; any will do for an address that is nobody's.
async fn answer(offline: &Offline, request: Request) -> Response<Body> {
    let now = Timestamp::UNIX_EPOCH;
    let (dynamodb, s3) = (offline.aws.dynamodb(), offline.aws.s3());
    let path = request.raw_http_path().to_owned();
    match path.split('/').nth(2).unwrap_or_default() {
        "coin-balance" => {
            let config = coin_balance::Config::load(&setting).expect("a configuration");
            coin_balance::CoinBalance::new(config, dynamodb).handle(request, now).await
        }
        "uploads" => {
            let config = create_upload::Config::load(&setting).expect("a configuration");
            create_upload::CreateUpload::new(config, s3).handle(request, now).await
        }
        "generations" => {
            let config = generations::Config::load(&setting).expect("a configuration");
            let Source::Value(key) = config.cursor_key.clone() else { unreachable!("the key is a value") };
            generations::ListGenerations::new(config, &key, dynamodb).handle(request, now).await
        }
        "debug" => {
            let config = debug_last_prompt::Config::load(&setting).expect("a configuration");
            debug_last_prompt::DebugLastPrompt::new(config, dynamodb).handle(request, now).await
        }
        "prompt-options" => prompt_options::PromptOptions.handle(request).await,
        "prompt-preview" => prompt_preview::PromptPreview.handle(request, now).await,
        _ => api_description::ApiDescription.handle(request).await,
    }
}
