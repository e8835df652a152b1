//! One invocation of a function: the log fields and the line of metrics that every invocation has.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use lambda_http::Context;
use tracing::Instrument;

use crate::metrics;

/// Runs `work`, which handles the invocation that `context` describes. Every event meanwhile is logged with
/// the invocation's ids, under Powertools' names. At the end there is one line of metrics.
pub async fn observed<T>(context: Option<&Context>, work: impl Future<Output = T>) -> T {
    static IS_COLD: AtomicBool = AtomicBool::new(true);
    let cold_start = IS_COLD.swap(false, Ordering::Relaxed);
    let function_request_id = context.map(|context| context.request_id.clone()).unwrap_or_default();
    let service = context.map(|context| context.env_config.function_name.clone()).unwrap_or_default();
    let xray_trace_id = context.and_then(|context| trace_id(context.xray_trace_id.as_deref()?));
    let span = tracing::info_span!("request", service, function_request_id, xray_trace_id, cold_start);
    // Boxed, because the compiler limits how deep futures may be nested.
    let work = Box::pin(work);
    metrics::of_invocation(service, function_request_id, work).instrument(span).await
}

/// The trace's own id in a header such as
/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
fn trace_id(header: &str) -> Option<&str> {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_found_in_its_header() {
        assert_eq!(trace_id("Sampled=1;Root=1-5759e988-bd86;Parent=5399"), Some("1-5759e988-bd86"));
        assert_eq!(trace_id("Parent=5399"), None);
    }
}
