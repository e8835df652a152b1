//! What the functions log: captured in memory, and read back by invocation.

use std::io::Write;
use std::sync::{Mutex, OnceLock};

use axum::body::Bytes;
use common::logs;
use local_stack::functions;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::Potret;

/// Everything that any test of this binary has logged, at the most detailed level.
static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct ToMemory;

impl Write for ToMemory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sends the events of this process to memory, in the format that is used in the cloud.
pub fn capture() {
    static CAPTURING: OnceLock<()> = OnceLock::new();
    CAPTURING.get_or_init(|| {
        let packages: Vec<_> = functions::ALL.iter().map(|function| function.name).collect();
        tracing_subscriber::registry().with(logs::layer(logs::MOST_DETAILED, &packages, || ToMemory)).init();
    });
}

/// Everything that any test has logged so far.
pub fn logged() -> String {
    String::from_utf8(LOGS.lock().expect("no panic").clone()).expect("text")
}

/// The lines of metrics of the invocations of `function` that logged `id`.
pub fn lines_of(function: &str, id: &str) -> Vec<Value> {
    let lines: Vec<Value> = logged().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_function = || lines.iter().filter(|line| line["service"] == function);
    let naming = of_function().filter(|line| line["generation_id"] == id);
    let invocations: Vec<_> = naming.map(|line| &line["function_request_id"]).collect();
    let metrics = of_function().filter(|line| line.get("_aws").is_some());
    metrics.filter(|line| invocations.contains(&&line["function_request_id"])).cloned().collect()
}

/// The lines that one invocation logged.
pub struct Lines {
    pub events: Vec<Value>,
    pub metrics: Value,
}

impl Potret {
    /// Invokes `function` with `event`, and finds the lines that this invocation logged.
    pub async fn invoke(&self, function: &str, event: &Value) -> Lines {
        let invocation = self.stack.lambda.invoke(function, Bytes::from(event.to_string())).await;
        let id = invocation.expect("the function exists").request_id;
        let text = logged();
        let lines = text.lines().filter(|line| line.contains(&id));
        let lines =
            lines.map(|line| serde_json::from_str::<Value>(line).expect("each line is a JSON object"));
        let (mut metrics, events): (Vec<_>, Vec<_>) = lines
            .filter(|line| line["function_request_id"] == id)
            .partition(|line| line.get("_aws").is_some());
        assert_eq!(metrics.len(), 1, "each invocation logs one line of metrics");
        let metrics = metrics.remove(0);
        assert!(!metrics.to_string().contains("merchant"), "no line of metrics names a user: {metrics}");
        Lines { events, metrics }
    }
}
