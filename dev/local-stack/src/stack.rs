//! The local stack, put together: back ends, functions, gateway, fal double, one listener.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use axum::routing::get;
use axum::{Json, Router};
use common::net::{self, Trust};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::cors::{Any, CorsLayer};
use url::Url;

use crate::binaries::{self, Functions};
use crate::docs;
use crate::functions;
use crate::playground;
use crate::settings::{FAL_PATH, Fal, JWKS_PATH, LocalSettings};
use aws_double::backends::dynamodb::EmbeddedDynamoDb;
use aws_double::backends::s3::{EmbeddedS3, create_missing_bucket};
use aws_double::backends::{Connection, Identity, answering_at_once};
use aws_double::gateway::{self, INTEGRATION_TIMEOUT};
use aws_double::invoke_api;
use aws_double::lambda::{Function, LocalLambda, Processes, emulated};
use aws_double::tokens;
use fal_double::{FalDouble, USUAL_LATENCY};
use sam_template::tables::create_missing_tables;
use sam_template::{JwtSpec, LocalStack, Template};

/// The name of the stack that `cargo dev` starts.
pub const NAME: &str = "potret";

/// How long a graceful stop waits for what is running: the longest that a function may take.
const DRAIN_AT_MOST: Duration = Duration::from_secs(30);

/// Answers a setting's value by its name.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What can be chosen about a local stack.
pub struct Options {
    /// Begins the name of every table and bucket; two stacks on one external server need two names.
    pub name: String,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where tables, photos and pictures are kept; in memory when there is none.
    pub data_dir: Option<PathBuf>,
    /// Answers the settings that the environment, or a test, gives.
    pub environment: Environment,
    /// How long the fal double takes for a picture; its own realistic times when not said.
    pub fal_latency: Option<Duration>,
    /// How long every function may run; the template's times when not said.
    pub function_timeout: Option<Duration>,
    /// Whether the functions run in this process or as processes of their own.
    pub functions: Functions,
}

/// A running local stack.
pub struct Stack {
    /// Where it listens.
    pub url: Url,
    /// The functions, to be invoked directly.
    pub lambda: LocalLambda,
    /// The processes that run functions; none when they run in this one.
    pub processes: Processes,
    /// What the template says, with local names.
    pub resources: sam_template::Resources,
    /// The fal double, unless another fal is used.
    pub fal: Option<FalDouble>,
    /// The DynamoDB that is used.
    pub dynamodb: Connection,
    /// The S3 that is used.
    pub s3: Connection,
    /// What functions that run elsewhere must find in their environment.
    pub environment: BTreeMap<String, String>,
    asked_fal: Fal,
    embedded_dynamodb: Option<EmbeddedDynamoDb>,
    embedded_s3: Option<EmbeddedS3>,
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
        let listener =
            TcpListener::bind(options.listen).await.map_err(|error| explain(options.listen, error))?;
        let url = loopback_url(listener.local_addr()?)?;
        let settings = LocalSettings::read(&options.environment, &url)?;
        let template = Template::parse(&options.functions.template()?)?;
        let resources = template.resolve(&LocalStack::new(&options.name, settings.auth_mode))?;
        if let Some(folder) = &options.data_dir {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }

        let identity = match (&settings.dynamodb_endpoint, &settings.s3_endpoint) {
            (None, None) => Identity::local(),
            _ => Identity::from_environment(&options.environment),
        };
        let folder = options.data_dir.as_deref();
        let (dynamodb, embedded_dynamodb) = match settings.dynamodb_endpoint.clone() {
            Some(endpoint) => (Connection::new(endpoint, identity.clone()), None),
            None => {
                let server = EmbeddedDynamoDb::start(folder).await?;
                (Connection::new(server.endpoint().clone(), identity.clone()), Some(server))
            }
        };
        let (s3, embedded_s3) = match settings.s3_endpoint.clone() {
            Some(endpoint) => (Connection::new(endpoint, identity.clone()), None),
            None => {
                let server = EmbeddedS3::start(folder, identity.credentials(), bucket_cors()).await?;
                (Connection::new(server.endpoint().clone(), identity.clone()), Some(server))
            }
        };
        let local = binaries::local_environment(&settings, &identity, &dynamodb, &s3);
        let http = net::client(Trust::MozillaThenSystem);
        create_missing_tables(&dynamodb.dynamodb(), &resources.tables).await?;
        for bucket in &resources.buckets {
            create_missing_bucket(&s3.s3(), bucket).await?;
        }

        let fal = settings.fal_double_key().map(|key| fal_double(&url, key, &options)).transpose()?;
        let processes = Processes::default();
        let mut running = Vec::new();
        for spec in &resources.functions {
            let timeout = options.function_timeout.unwrap_or(spec.timeout);
            let environment =
                [spec.environment.clone(), local.clone()].into_iter().flatten().collect::<BTreeMap<_, _>>();
            // Also where a binary takes its place: a wrong setting is found now and not at the first call.
            let lookup = |name: &str| environment.get(name).cloned();
            let mut function = functions::load(spec, timeout, &lookup, &http).await?;
            if let Functions::Binaries(binaries) = &options.functions {
                let bootstrap = binaries.bootstrap(spec, timeout, environment)?;
                function = match &binaries.emulator {
                    None => Function { handler: processes.handler(bootstrap), ..function },
                    Some(emulator) => emulated(emulator, bootstrap),
                };
            }
            running.push(function);
        }
        let all = resources.functions.iter().flat_map(|spec| spec.environment.clone());
        let environment: BTreeMap<_, _> = all.chain(local).collect();
        let lambda = LocalLambda::new(running);

        let gateway = gateway::Settings {
            routes: resources.routes.clone(),
            cors: resources.cors.clone(),
            authorizer: resources.authorizer.clone(),
            integration_timeout: INTEGRATION_TIMEOUT,
        };
        let playground = playground::router(playground::Settings {
            url: url.clone(),
            s3: s3.endpoint().clone(),
            fal: settings.fal.clone(),
            batch: functions::batch(&|name| environment.get(name).cloned())?,
            tokens: JwtSpec::local(),
        })?;
        let mut router = match options.functions {
            Functions::Elsewhere => Router::new(),
            _ => Router::new()
                .route(JWKS_PATH, get(async || Json(tokens::jwks())))
                .merge(invoke_api::router(lambda.clone()))
                .merge(docs::router(&JwtSpec::local())?)
                .merge(playground)
                .merge(gateway::router(gateway, lambda.clone())?),
        };
        if let Some(fal) = &fal {
            router = router.nest(FAL_PATH, fal.router());
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, stopped));
        let asked_fal = settings.fal;
        Ok(Self {
            url,
            lambda,
            processes,
            resources,
            fal,
            dynamodb,
            s3,
            environment,
            asked_fal,
            embedded_dynamodb,
            embedded_s3,
            stop,
            server,
        })
    }

    /// Which fal is asked, in words.
    #[must_use]
    pub fn fal_in_words(&self) -> String {
        match &self.asked_fal {
            Fal::Double => "a double that draws the pictures itself".to_owned(),
            Fal::Server(url) => format!("the server at {url}"),
            Fal::Real => "the real fal.ai, with your FAL_KEY: pictures cost money".to_owned(),
        }
    }

    /// Lets the running requests end, then stops the listener and the back ends.
    ///
    /// # Errors
    ///
    /// When a server had failed, or a temporary folder cannot be deleted.
    pub async fn stop(self) -> anyhow::Result<()> {
        // The listener stays until then, because a running batch still needs the fal double behind it.
        self.lambda.drain(DRAIN_AT_MOST).await;
        self.processes.stop().await;
        drop(self.stop);
        // Idle keep-alive connections of browsers end only here.
        if tokio::time::timeout(Duration::from_secs(1), self.server).await.is_err() {
            tracing::debug!("some connections were still open");
        }
        if let Some(server) = self.embedded_dynamodb {
            server.stop().await?;
        }
        if let Some(server) = self.embedded_s3 {
            server.stop().await?;
        }
        Ok(())
    }
}

/// What the bucket's CORS rules in the template allow, for the origins of a local stack: all.
fn bucket_cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([http::Method::PUT])
        .allow_headers([http::header::CONTENT_TYPE])
}

fn fal_double(url: &Url, key: SecretString, options: &Options) -> anyhow::Result<FalDouble> {
    Ok(FalDouble::new(fal_double::Settings {
        public_url: url.join(FAL_PATH)?,
        key,
        latency: options.fal_latency.map_or(USUAL_LATENCY, |latency| latency..=latency),
        files: options.data_dir.as_ref().map(|folder| folder.join("pictures")),
    }))
}

async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) -> std::io::Result<()> {
    let listener = answering_at_once(listener);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async { drop(stopped.await) };
    axum::serve(listener, service).with_graceful_shutdown(stopped).await
}

fn explain(address: SocketAddr, error: std::io::Error) -> anyhow::Error {
    let port = address.port();
    if error.kind() == std::io::ErrorKind::AddrInUse {
        let other = SocketAddr::new(address.ip(), port.checked_add(1).unwrap_or(3000));
        anyhow::anyhow!(
            "port {port} is taken by another program; stop it, or listen elsewhere: cargo dev --listen {other}"
        )
    } else {
        anyhow::Error::new(error).context(format!("cannot listen on {address}"))
    }
}

/// The address as this machine reaches it: a wildcard address is none to connect to.
fn loopback_url(address: SocketAddr) -> anyhow::Result<Url> {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        _ => address.ip(),
    };
    Ok(Url::parse(&format!("http://{}", SocketAddr::new(ip, address.port())))?)
}
