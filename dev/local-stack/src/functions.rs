//! The functions: one list, by type. A new function is added here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use add_coins::AddCoins;
use anyhow::Context;
use api_description::ApiDescription;
use authorizer::Authorizer;
use aws_double::lambda::{Function, Handler, event_handler, http_handler};
use coin_balance::CoinBalance;
use common::api::{self, Endpoint, Route};
use common::events::{self, EventFunction};
use common::function::{self, StartError};
use common::net::HttpClient;
use common::settings::{self, Lookup};
use create_upload::CreateUpload;
use debug_last_prompt::DebugLastPrompt;
use fal_webhook::FalWebhook;
use futures::future::{FutureExt, LocalBoxFuture};
use generate_image::GenerateImage;
use generations::ListGenerations;
use heal_batches::HealBatches;
use jiff::Timestamp;
use prompt_options::PromptOptions;
use prompt_preview::PromptPreview;
use sam_template::FunctionSpec;
use take_coins::TakeCoins;

/// Every function that is deployed.
pub const ALL: [Deployed; 13] = [
    endpoint::<GenerateImage>(),
    endpoint::<CoinBalance>(),
    endpoint::<CreateUpload>(),
    endpoint::<ListGenerations>(),
    endpoint::<FalWebhook>(),
    endpoint::<DebugLastPrompt>(),
    endpoint::<PromptOptions>(),
    endpoint::<PromptPreview>(),
    endpoint::<ApiDescription>(),
    event_function::<AddCoins>(),
    event_function::<TakeCoins>(),
    event_function::<Authorizer>(),
    event_function::<HealBatches>(),
];

/// A function that is deployed, as the type that it was made of says.
pub struct Deployed {
    /// The name of its package.
    pub name: &'static str,
    /// Its routes; none if it is invoked with events of its own.
    pub routes: &'static [Route],
    load: fn(&Lookup<'_>),
    connect: for<'a> fn(&'a Lookup<'a>, HttpClient) -> LocalBoxFuture<'a, Result<Handler, StartError>>,
}

impl Deployed {
    /// The names of the settings that the function reads when none is set.
    #[must_use]
    pub fn settings(&self) -> BTreeSet<String> {
        let names = Mutex::new(BTreeSet::new());
        (self.load)(&|name| {
            names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
            None
        });
        names.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The function with the settings of `lookup`, over the connections of `http`, as Lambda sees it.
    ///
    /// # Errors
    ///
    /// When a setting is missing or wrong, or a secret cannot be fetched.
    pub async fn connect(&self, lookup: &Lookup<'_>, http: HttpClient) -> Result<Handler, StartError> {
        (self.connect)(lookup, http).await
    }
}

const fn endpoint<E: Endpoint>() -> Deployed {
    Deployed {
        name: E::NAME,
        routes: E::ROUTES,
        load: |lookup| drop(settings::load(lookup, E::load)),
        connect: |lookup, http| {
            async move {
                let endpoint = Arc::new(function::connect::<E>(lookup, http).await?);
                Ok(http_handler(move |request| {
                    let endpoint = Arc::clone(&endpoint);
                    async move { api::handle(&*endpoint, request, Timestamp::now()).await }
                }))
            }
            .boxed_local()
        },
    }
}

const fn event_function<F: EventFunction>() -> Deployed {
    Deployed {
        name: F::NAME,
        routes: &[],
        load: |lookup| drop(settings::load(lookup, F::load)),
        connect: |lookup, http| {
            async move {
                let function = Arc::new(function::connect::<F>(lookup, http).await?);
                Ok(event_handler(move |event| {
                    let function = Arc::clone(&function);
                    async move { events::invoke(&*function, event, Timestamp::now()).await }
                }))
            }
            .boxed_local()
        },
    }
}

/// The function of `spec`, with the settings of `lookup`.
///
/// # Errors
///
/// When a setting is missing or wrong, or the template names a function that is not in [`ALL`].
pub async fn load(
    spec: &FunctionSpec,
    timeout: Duration,
    lookup: &Lookup<'_>,
    http: &HttpClient,
) -> anyhow::Result<Function> {
    let name = &spec.name;
    let deployed = ALL.into_iter().find(|function| function.name == *name).with_context(|| {
        format!(
            "template.yaml has a function {name} that the local stack does not know; add it to functions::ALL"
        )
    })?;
    let handler = deployed.connect(lookup, http.clone()).await;
    let handler = handler.with_context(|| format!("function {name}"))?;
    Ok(Function { name: name.clone(), timeout, handler })
}
