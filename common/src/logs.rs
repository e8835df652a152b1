//! Logs: JSON lines on standard output, one event a step, ids as fields.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

/// The level that says the most; payloads are logged at it, redacted.
pub const MOST_TALKATIVE: Level = Level::DEBUG;

/// The crates whose events the level applies to. Everything else logs warnings only: an SDK's debug events
/// hold signatures and whole bodies.
const OUR_CRATES: [&str; 12] = [
    "common",
    "api_description",
    "generate_image",
    "generations",
    "coin_balance",
    "create_upload",
    "debug_last_prompt",
    "add_coins",
    "authorizer",
    "prompt_options",
    "prompt_preview",
    "dev",
];

/// Sends the process's events to standard output from now on.
pub fn start(level: Level) {
    registry().with(layer(level, std::io::stdout)).init();
}

/// The log as a layer that writes JSON lines to `writer`.
pub fn layer<S, W>(level: Level, writer: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> registry::LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(writer)
        .with_filter(filter(level))
}

/// `level` for our crates' events, warnings for all others'.
pub fn filter(level: Level) -> Targets {
    Targets::new().with_default(Level::WARN).with_targets(OUR_CRATES.map(|name| (name, level)))
}
