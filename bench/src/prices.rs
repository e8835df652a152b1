//! What AWS charges for a batch: the counted calls, the measured times and lines of the log, and a table of
//! prices. Left out is what is the same for a batch of either kind or hardly depends on their number: storage,
//! backups, traces, metrics, the authorizer and S3.

use crate::arguments::Part;
use crate::measure::{Condition, Measured};
use crate::rows::Row;
use crate::sample::{Responded, Sample};

// USD in us-east-1 on demand, x86, without free tiers, late 2026. The first four are for a million.
const WRITE_UNITS: f64 = 0.625;
const READ_UNITS: f64 = 0.125;
const LAMBDA_REQUESTS: f64 = 0.20;
const HTTP_API_REQUESTS: f64 = 1.00;
const GB_SECOND: f64 = 0.000_016_666_7;
const GB_OF_LOGS: f64 = 0.50;

// Assumed, because the bench responds at once: milliseconds of a call of DynamoDB, of all calls of fal's queue
// together, and of the wait for the pictures of a synchronous batch.
const DYNAMODB_MS: f64 = 5.0;
const FAL_MS: f64 = 100.0;
const WAIT_MS: f64 = 15_000.0;

// Lambda's own three lines of an invocation, and the line of the access log.
const LAMBDA_LOG_BYTES: u64 = 360;
const ACCESS_LOG_BYTES: u64 = 520;

/// The subjects: first those of an asynchronous batch.
const PRICED: [&str; 7] = ["submit", "webhook", "second webhook", "follow", "heal", SYNCHRONOUS, IDLE];
const OF_A_BATCH: usize = 4;
const SYNCHRONOUS: &str = "text-to-image";
const IDLE: &str = "heal-batches";
const RUNS_OF_A_MONTH: f64 = 43_800.0;

/// USD for a million invocations, by [`PARTS`].
type Cost = [f64; 4];
const PARTS: [&str; 4] = ["DynamoDB", "HTTP API", "Lambda", "logs"];

/// A warm response of `subject`.
fn response<'m>(measured: &'m Measured, subject: &'static str) -> Option<&'m Responded> {
    measured.samples((subject, Condition::Plain)).last()?.responses.last()
}

fn cost(measured: &Measured, subject: &'static str) -> Option<Cost> {
    let Responded { usage, log_bytes, .. } = response(measured, subject)?;
    let warm_ms = measured.median((subject, Condition::Plain), Sample::warm_ms)?;
    let gigabytes = if matches!(subject, "submit" | SYNCHRONOUS) { 0.25 } else { 0.125 };
    let fal_ms = match subject {
        SYNCHRONOUS => WAIT_MS,
        _ if usage.fal > 0 => FAL_MS,
        _ => 0.0,
    };
    let billed_ms = (warm_ms + usage.dynamodb as f64 * DYNAMODB_MS + fal_ms).ceil();
    let (api, access_log) = if subject == IDLE { (0.0, 0) } else { (HTTP_API_REQUESTS, ACCESS_LOG_BYTES) };
    Some([
        usage.writes as f64 * WRITE_UNITS + usage.reads * READ_UNITS,
        api,
        LAMBDA_REQUESTS + gigabytes * billed_ms * 1e3 * GB_SECOND,
        (log_bytes + LAMBDA_LOG_BYTES + access_log) as f64 * 1e-3 * GB_OF_LOGS,
    ])
}

pub fn rows(measured: &Measured) -> Vec<Row> {
    let costs = PRICED.map(|subject| cost(measured, subject));
    let row = |name: String, usd: Option<f64>| Row::new(Part::Usd, name, usd, "USD");
    let sum = |cost: Cost| cost.into_iter().sum::<f64>();
    let mut rows: Vec<_> =
        PRICED.iter().zip(costs).map(|(subject, cost)| row((*subject).to_owned(), cost.map(sum))).collect();
    let batch: Option<Vec<Cost>> = costs[..OF_A_BATCH].iter().copied().collect();
    let of_batch = |part: usize| batch.as_ref().map(|steps| steps.iter().map(|step| step[part]).sum());
    rows.push(row("asynchronous batch".to_owned(), (0..PARTS.len()).map(of_batch).sum()));
    rows.extend(PARTS.iter().enumerate().map(|(part, name)| row(format!("of it {name}"), of_batch(part))));
    let month = costs.last().copied().flatten().map(|run| sum(run) * RUNS_OF_A_MONTH / 1e6);
    rows.push(row(format!("idle {IDLE}, one month"), month));
    rows
}

/// What was counted of each.
pub fn calls(measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    let found = PRICED.iter().filter_map(|subject| Some((subject, response(measured, subject)?)));
    for (subject, Responded { usage, log_bytes, .. }) in found {
        for (what, count, unit) in [
            ("DynamoDB", usage.dynamodb as f64, "calls"),
            ("reads", usage.reads, "units"),
            ("writes", usage.writes as f64, "units"),
            ("largest item written", usage.largest as f64, "bytes"),
            ("fal", usage.fal as f64, "calls"),
            ("log", *log_bytes as f64, "bytes"),
        ] {
            rows.push(Row::new(Part::Calls, format!("{subject}, {what}"), Some(count), unit));
        }
    }
    rows.retain(|row| row.figure != Some(0.0));
    rows
}
