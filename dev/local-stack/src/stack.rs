//! The local stack, put together: storage, functions, gateway, fal double, one listener.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use aws_double::backends::Connection;
use aws_double::gateway::{self, INTEGRATION_TIMEOUT};
use aws_double::invoke_api;
use aws_double::lambda::{Function, LocalLambda, Processes, emulated};
use aws_double::tokens::SigningKey;
use axum::body::Bytes;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use common::net::{self, Trust};
use common::settings;
use fal_double::{FalDouble, USUAL_LATENCY};
use generate_image::BatchConfig;
use http::{HeaderValue, header};
use sam_template::{LocalStack, Resources, Template};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval_at};
use url::Url;

use crate::binaries::{RunFunctions, local_environment};
use crate::functions;
use crate::settings::{FAL_PATH, JWKS_PATH, LocalSettings};
use crate::storage::Storage;
use crate::{access, docs, listener, playground, users};

/// The name of the stack that `cargo dev` starts.
pub const NAME: &str = "potret";

/// How long a graceful stop waits for running functions: the longest that a function may take.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// Looks up a setting by its name.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The choices for a local stack. The default is in memory, on a free port, without any setting.
pub struct Options {
    /// Begins the name of every table and bucket; two stacks on one external server need two names.
    pub name: String,
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder for tables, photos and pictures; `None` keeps them in memory.
    pub data_dir: Option<PathBuf>,
    pub environment: Environment,
    /// How long the fal double takes for a picture; `None` means as long as fal.
    pub fal_latency: Option<Duration>,
    /// The timeout of every function; `None` means the template's.
    pub function_timeout: Option<Duration>,
    pub functions: RunFunctions,
    /// Lets a stack that others can call spend money at fal.
    pub shares_fal_key: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_dir: None,
            environment: Box::new(|_| None),
            fal_latency: None,
            function_timeout: None,
            functions: RunFunctions::InProcess,
            shares_fal_key: false,
        }
    }
}

/// A running local stack.
pub struct Stack {
    pub url: Url,
    /// The functions, for direct invocations.
    pub lambda: LocalLambda,
    /// The processes that run functions; empty when the functions run in this process.
    pub processes: Processes,
    /// The template's resources, with local names.
    pub resources: Resources,
    /// `None` when another fal is used.
    pub fal: Option<FalDouble>,
    pub dynamodb: Connection,
    pub s3: Connection,
    pub settings: LocalSettings,
    /// Signs the tokens of the users.
    pub key: SigningKey,
    /// The environment that functions need when they run elsewhere, of all functions together.
    pub environment: BTreeMap<String, String>,
    storage: Storage,
    /// Runs the functions that EventBridge would run; ends when dropped.
    schedules: JoinSet<()>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Stack {
    /// Starts everything and returns once requests are answered.
    ///
    /// # Errors
    ///
    /// When the port is taken, a setting is wrong, or a server that the environment names cannot be used.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let (listener, url) = listener::bind(options.listen).await?;
        let settings = LocalSettings::read(&options.environment, &url)?;
        let template = Template::parse(&options.functions.template()?)?;
        let local_stack = LocalStack::new(&options.name, settings.auth_mode);
        let resources = template.resolve(&local_stack.for_pages_of(&settings.allowed_origins))?;
        if settings.spends_money && !options.shares_fal_key {
            access::ensure_private(options.listen, &resources.cors.allow_origins)?;
        }
        let data_dir = options.data_dir.as_deref();
        let key = data_dir.map_or_else(SigningKey::random, SigningKey::kept_in)?;
        let storage = Storage::start(&settings, &options.environment, data_dir, &resources).await?;
        let local = local_environment(&settings, &storage);
        let processes = Processes::default();
        let lambda = LocalLambda::new(running_functions(&options, &resources, &local, &processes).await?);
        let fal = fal_double(&options, &settings, &url)?;
        let environment = resources.functions.iter().flat_map(|spec| spec.environment.clone());
        let environment: BTreeMap<_, _> = environment.chain(local).collect();
        let (mut api, mut own) = (Router::new(), Router::new());
        if let Some(fal) = &fal {
            // A page shows its pictures, wherever the page is from.
            api = api.nest(FAL_PATH, fal.pictures().layer(map_response(without_sniffing)));
            own = own.nest(FAL_PATH, fal.router());
        }
        if !matches!(options.functions, RunFunctions::Elsewhere) {
            let playground = playground::Settings {
                url: url.clone(),
                key: key.clone(),
                s3: storage.s3.endpoint().clone(),
                fal: settings.fal.clone(),
                batch: settings::load(&|name| environment.get(name).cloned(), BatchConfig::load)?,
            };
            let keys = key.public_keys();
            own = own
                .route(JWKS_PATH, get(async || Json(keys)))
                .merge(invoke_api::router(lambda.clone()))
                .merge(docs::router())
                .merge(playground::router(playground)?);
            api = api.merge(gateway::router(&resources, key.clone(), INTEGRATION_TIMEOUT, lambda.clone())?);
        }
        let (api_guard, own_guard) = access::guards(options.listen, &settings, &resources.cors.allow_origins);
        let own = own.layer(map_response(without_sniffing));
        let router = api_guard.over(api).merge(own_guard.over(own));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(listener::serve(listener, router, stopped));
        let schedules = schedules(&resources, &lambda);
        let (dynamodb, s3) = (storage.dynamodb.clone(), storage.s3.clone());
        Ok(Self {
            url,
            lambda,
            processes,
            resources,
            fal,
            dynamodb,
            s3,
            settings,
            key,
            environment,
            storage,
            schedules,
            stop,
            server,
        })
    }

    /// A bearer token for `user`, valid for 30 days.
    ///
    /// # Errors
    ///
    /// When it cannot be signed.
    pub fn token(&self, user: &str) -> anyhow::Result<String> {
        users::token(&self.key, user)
    }

    /// Lets the running requests end, then stops the listener and the storage.
    ///
    /// # Errors
    ///
    /// When a server had failed, or a temporary folder cannot be deleted.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.schedules);
        // The listener stops later, because a running batch still needs the fal double behind it.
        self.lambda.drain(LONGEST_DRAIN).await;
        self.processes.stop().await;
        drop(self.stop);
        // Browsers keep idle connections open; they get a second.
        if tokio::time::timeout(Duration::from_secs(1), self.server).await.is_err() {
            tracing::debug!("some connections were still open");
        }
        self.storage.stop().await
    }
}

/// Browsers take the response for what its type says, and not for what its bytes look like.
async fn without_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Invokes each function with a schedule as often as the template says.
fn schedules(resources: &Resources, lambda: &LocalLambda) -> JoinSet<()> {
    let mut schedules = JoinSet::new();
    for function in &resources.functions {
        let Some(every) = function.every else { continue };
        let (name, lambda) = (function.name.clone(), lambda.clone());
        schedules.spawn(async move {
            let mut ticks = interval_at(Instant::now() + every, every);
            loop {
                ticks.tick().await;
                if let Err(error) = lambda.invoke(&name, Bytes::new()).await {
                    tracing::warn!(%error, name, "the scheduled function was not invoked");
                }
            }
        });
    }
    schedules
}

/// The functions of the template, with the settings `local` beside the template's or in their place.
async fn running_functions(
    options: &Options,
    resources: &Resources,
    local: &BTreeMap<String, String>,
    processes: &Processes,
) -> anyhow::Result<Vec<Function>> {
    let http = net::client(Trust::MozillaThenSystem);
    let mut running = Vec::new();
    for spec in &resources.functions {
        let timeout = options.function_timeout.unwrap_or(spec.timeout);
        let mut environment = spec.environment.clone();
        environment.extend(local.clone());
        // Also when a binary replaces it, so that a wrong setting is found now and not at the first call.
        let lookup = |name: &str| environment.get(name).cloned();
        let mut function = functions::load(spec, timeout, &lookup, &http).await?;
        if let RunFunctions::Binaries(binaries) = &options.functions {
            let bootstrap = binaries.bootstrap(spec, timeout, environment)?;
            function = match &binaries.emulator {
                None => Function { handler: processes.handler(bootstrap), ..function },
                Some(emulator) => emulated(emulator, bootstrap),
            };
        }
        running.push(function);
    }
    Ok(running)
}

fn fal_double(options: &Options, settings: &LocalSettings, url: &Url) -> anyhow::Result<Option<FalDouble>> {
    let Some(key) = settings.fal_double_key() else { return Ok(None) };
    Ok(Some(FalDouble::new(fal_double::Settings {
        public_url: url.join(FAL_PATH)?,
        key,
        latency: options.fal_latency.map_or(USUAL_LATENCY, |latency| latency..=latency),
        files: options.data_dir.as_ref().map(|folder| folder.join("pictures")),
    })))
}
