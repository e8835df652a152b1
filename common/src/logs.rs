//! Logs: JSON lines on standard output, one event per step, ids as fields. The common fields have the names
//! of Powertools for AWS Lambda, so that its queries work here as well.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

use crate::metrics;

/// The most detailed level. Redacted payloads are logged at it.
pub const MOST_DETAILED: Level = Level::DEBUG;

/// Sends the events of this process to standard output from now on. `function` is the package of the function
/// that runs.
pub fn start(level: Level, function: &str) {
    registry().with(layer(level, &[function], std::io::stdout)).init();
}

/// The log as a layer that writes lines to `writer`: the events, and the metrics whatever the level.
pub fn layer<S, W>(level: Level, packages: &[&str], writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
{
    let events = tracing_subscriber::fmt::layer().json().event_format(PowertoolsNames);
    let bare = debug_fn(|writer, _, value| write!(writer, "{value:?}"));
    let metrics = tracing_subscriber::fmt::layer().fmt_fields(bare).event_format(FieldsOnly);
    // At every level: of two layers on a registry, the outer one alone decides which levels pass.
    let of_metrics = Targets::new().with_target(metrics::TARGET, Level::TRACE);
    let events = events.with_writer(writer.clone()).with_filter(filter(level, packages));
    events.and_then(metrics.with_writer(writer).with_filter(of_metrics))
}

/// `level` for the events of `packages` and of this crate. All others log warnings only: an SDK's debug
/// events hold signatures and whole bodies.
pub fn filter(level: Level, packages: &[&str]) -> Targets {
    let crates = packages.iter().map(|package| package.replace('-', "_"));
    let crates = crates.chain([env!("CARGO_PKG_NAME").to_owned()]);
    Targets::new().with_default(Level::WARN).with_targets(crates.map(|name| (name, level)))
}

/// An event as one JSON object: its own fields, and those of the spans around it.
struct PowertoolsNames;

impl<S, N> FormatEvent<S, N> for PowertoolsNames
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = String::new();
        context.format_fields(Writer::new(&mut fields), event)?;
        let mut line = Map::new();
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("location".to_owned(), event.metadata().target().into());
        line.extend(object(&fields));
        line.insert("timestamp".to_owned(), format!("{:.3}", Timestamp::now()).into());
        for span in context.event_scope().into_iter().flatten() {
            let known = span.extensions();
            line.extend(known.get::<FormattedFields<N>>().map(|fields| object(fields)).unwrap_or_default());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// An event's fields as they are, and nothing around them.
struct FieldsOnly;

impl<S, N> FormatEvent<S, N> for FieldsOnly
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
