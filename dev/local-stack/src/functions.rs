//! The functions' own handlers, configured from `template.yaml` as a deployment would configure them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use common::aws::{DynamoDb, S3};
use common::config::{self, BatchConfig};
use common::net::HttpClient;
use common::secrets::Source;
use jiff::Timestamp;
use lambda_http::{Body, Request, Response};
use lambda_runtime::LambdaEvent;

use aws_double::lambda::{Function, Handler, event_handler, http_handler};
use sam_template::FunctionSpec;

/// What the functions work with.
pub struct BackEnds {
    /// The tables.
    pub dynamodb: DynamoDb,
    /// The bucket.
    pub s3: S3,
    /// The way to fal, and to the issuer of tokens.
    pub http: HttpClient,
}

/// The function of `spec`. `overrides` answers the settings that are other than the template's.
///
/// # Errors
///
/// When a setting is missing or wrong, or the template names a function that is not known here.
pub fn load(
    spec: &FunctionSpec,
    timeout: Duration,
    overrides: &dyn Fn(&str) -> Option<String>,
    back_ends: &BackEnds,
) -> anyhow::Result<Function> {
    let lookup = |name: &str| overrides(name).or_else(|| spec.environment.get(name).cloned());
    let handler =
        handler(&spec.name, &lookup, back_ends).with_context(|| format!("function {}", spec.name))?;
    Ok(Function { name: spec.name.clone(), timeout, handler })
}

/// What generate-image takes a batch to be, with its settings read as [`load`] reads them.
///
/// # Errors
///
/// When a setting is wrong, or the template does not have the function.
pub fn batch(
    specs: &[FunctionSpec],
    overrides: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<BatchConfig> {
    let spec = specs.iter().find(|spec| spec.name == "generate-image").context("no generate-image")?;
    let lookup = |name: &str| overrides(name).or_else(|| spec.environment.get(name).cloned());
    Ok(config::load(&lookup, BatchConfig::load)?)
}

fn handler(
    name: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    BackEnds { dynamodb, s3, http }: &BackEnds,
) -> anyhow::Result<Handler> {
    let (dynamodb, s3, http) = (dynamodb.clone(), s3.clone(), http.clone());
    Ok(match name {
        "generate-image" => {
            let config = generate_image::Config::load(lookup)?;
            let Source::Value(key) = config.fal.key.clone() else {
                bail!("the local stack takes the fal key from FAL_KEY, not from Systems Manager");
            };
            let function = generate_image::GenerateImage::new(config, &key, dynamodb, s3, http);
            shared(function, |function, request, now| async move { function.handle(request, now).await })
        }
        "coin-balance" => {
            let function = coin_balance::CoinBalance::new(coin_balance::Config::load(lookup)?, dynamodb);
            shared(function, |function, request, now| async move { function.handle(request, now).await })
        }
        "create-upload" => {
            let function = create_upload::CreateUpload::new(create_upload::Config::load(lookup)?, s3);
            shared(function, |function, request, now| async move { function.handle(request, now).await })
        }
        "generations" => {
            let config = generations::Config::load(lookup)?;
            let Source::Value(key) = config.cursor_key.clone() else {
                bail!("the local stack takes the cursor key from CURSOR_KEY, not from Systems Manager");
            };
            let function = generations::ListGenerations::new(config, &key, dynamodb);
            shared(function, |function, request, now| async move { function.handle(request, now).await })
        }
        "debug-last-prompt" => {
            let config = debug_last_prompt::Config::load(lookup)?;
            let function = debug_last_prompt::DebugLastPrompt::new(config, dynamodb);
            shared(function, |function, request, now| async move { function.handle(request, now).await })
        }
        "prompt-options" => {
            prompt_options::Config::load(lookup)?;
            let function = prompt_options::PromptOptions;
            shared(function, |function, request, _| async move { function.handle(request).await })
        }
        "api-description" => {
            api_description::Config::load(lookup)?;
            let function = api_description::ApiDescription;
            shared(function, |function, request, _| async move { function.handle(request).await })
        }
        "prompt-preview" => {
            prompt_preview::Config::load(lookup)?;
            let function = prompt_preview::PromptPreview;
            shared(function, |function, request, now| async move { function.handle(request, now).await })
        }
        "authorizer" => {
            let config = authorizer::Config::load(lookup)?;
            let secret = match config.tokens.secret.clone() {
                None => None,
                Some(Source::Value(secret)) => Some(secret),
                Some(Source::Parameter(_)) => {
                    bail!("the local stack takes the secret from JWT_SECRET, not from Systems Manager")
                }
            };
            let function = Arc::new(authorizer::Authorizer::new(config, secret.as_ref(), http));
            event_handler(move |event: LambdaEvent<authorizer::Event>| {
                let function = Arc::clone(&function);
                async move { function.handle(event).await }
            })
        }
        "add-coins" => {
            let function = Arc::new(add_coins::AddCoins::new(add_coins::Config::load(lookup)?, dynamodb));
            event_handler(move |event: LambdaEvent<serde_json::Value>| {
                let function = Arc::clone(&function);
                async move { function.handle(event, Timestamp::now()).await }
            })
        }
        other => bail!("template.yaml has a function {other} that the local stack does not know"),
    })
}

/// An HTTP handler whose invocations share `function`, as those of one Lambda instance do.
fn shared<T, Fut>(function: T, handle: fn(Arc<T>, Request, Timestamp) -> Fut) -> Handler
where
    T: Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let function = Arc::new(function);
    http_handler(move |request| handle(Arc::clone(&function), request, Timestamp::now()))
}
