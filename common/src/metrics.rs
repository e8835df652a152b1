//! Metrics: one line per invocation, in CloudWatch's embedded metric format (EMF).
//!
//! Code that does something counted calls [`count`] or [`measure`] on the spot. The invocation's record
//! collects the values, so no parameter is passed through. CloudWatch makes metrics of the line when it
//! ingests the log.
//!
//! The format is written here because the crates that write it bring a queue with a thread, a global recorder
//! that mixes invocations, and some thirty crates more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use strum::VariantArray;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Potret";

/// The one dimension: the deployed function's name. A dimension of users would make a metric of each.
pub const DIMENSION: &str = "service";

/// The target of the events that are a line of metrics, which the log writes as they are.
pub(crate) const TARGET: &str = "embedded_metrics";

/// What is counted or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, VariantArray)]
pub enum Metric {
    /// Invocations that were handled to their end.
    Invocations,
    /// Batches delivered and paid.
    Batches,
    /// Batches delivered again, at no charge.
    Replays,
    /// Coins taken for good.
    CoinsSettled,
    /// Coins given back because the batch failed.
    CoinsReleased,
    /// Coins given back because the lease had passed.
    CoinsExpired,
    /// Coins credited.
    CoinsAdded,
    /// Coins taken back, for a refund or a chargeback.
    CoinsTakenBack,
    /// Holds that were found past their lease: each is a function that died, or a release that got no
    /// decision.
    HoldsPastLease,
    /// Results of fal's queue that we fetched ourselves, because no webhook brought them in time.
    ResultsPulled,
    /// Webhooks that were refused: forged, or of another account.
    WebhooksRefused,
    /// Asynchronous batches that were pending for more than ten minutes when they were looked at.
    BatchesLate,
    /// How long a picture took, from the first request to the link.
    FalLatency,
    /// What fal probably charges for what it was sent, in US dollars.
    FalCost,
    /// Requests for a picture that fal refused for our key.
    FalKeyRefused,
    /// Requests for a picture that fal refused for the state of our account.
    FalAccountLocked,
    /// Requests for a picture that fal was too busy for until the deadline.
    FalBusy,
    /// Requests for a picture that took too long.
    FalTimeout,
    /// Requests for a picture whose prompt, photo or LoRA fal refused, or whose picture it found unsafe.
    FalRejected,
    /// Requests for a picture that failed in any other way.
    FalFailed,
}

impl Metric {
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its name in CloudWatch.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    fn unit(self) -> &'static str {
        match self {
            Self::FalLatency => "Milliseconds",
            // US dollars; CloudWatch has no unit for money.
            Self::FalCost => "None",
            _ => "Count",
        }
    }
}

/// The values of an invocation so far. A count has one value, a measurement one value each time.
type Record = BTreeMap<Metric, Vec<f64>>;

tokio::task_local! {
    static RECORD: RefCell<Record>;
    static SKIPPED: Cell<bool>;
}

/// Adds `amount` to this invocation's count of `metric`.
pub fn count(metric: Metric, amount: u64) {
    let amount = amount as f64;
    record(metric, |values| match values.first_mut() {
        Some(sum) => *sum += amount,
        None => values.push(amount),
    });
}

/// Adds a measurement of `metric` to this invocation's.
pub fn measure(metric: Metric, value: f64) {
    record(metric, |values| values.push(value));
}

/// Outside of an invocation nothing is recorded: a test may call the ledger directly.
fn record(metric: Metric, note: impl FnOnce(&mut Vec<f64>)) {
    let _ = RECORD.try_with(|record| note(record.borrow_mut().entry(metric).or_default()));
}

/// Has this invocation write no line, because there was nothing to do: a metric that is written every minute costs
/// more than the function that writes it.
pub fn skip() {
    let _ = SKIPPED.try_with(|skipped| skipped.set(true));
}

/// Runs `work`, collects what it counts, and logs it as one line.
pub(crate) async fn of_invocation<T>(
    service: String,
    function_request_id: String,
    work: impl Future<Output = T>,
) -> T {
    let handled = async {
        let outcome = work.await;
        count(Metric::Invocations, 1);
        (outcome, RECORD.with(RefCell::take), SKIPPED.with(Cell::get))
    };
    let handled = SKIPPED.scope(Cell::default(), RECORD.scope(RefCell::default(), handled));
    let (outcome, record, is_skipped) = handled.await;
    if !is_skipped {
        let line = line(&service, &function_request_id, &record, Timestamp::now());
        tracing::info!(target: TARGET, %line);
    }
    outcome
}

/// The line. Its ids are there for searching; only the dimension makes a metric.
fn line(service: &str, function_request_id: &str, record: &Record, now: Timestamp) -> Value {
    let metrics: Vec<_> =
        record.keys().map(|metric| json!({"Name": metric.name(), "Unit": metric.unit()})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics});
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]}),
    );
    line.insert(DIMENSION.to_owned(), service.into());
    line.insert("function_request_id".to_owned(), function_request_id.into());
    for (metric, values) in record {
        let value = match values.as_slice() {
            [value] => json!(value),
            values => json!(values),
        };
        line.insert(metric.name(), value);
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_has_the_form_that_cloudwatch_reads() {
        let record = async {
            count(Metric::CoinsSettled, 1);
            count(Metric::CoinsSettled, 2);
            measure(Metric::FalLatency, 1500.0);
            measure(Metric::FalLatency, 1700.0);
            RECORD.with(RefCell::take)
        };
        let record = RECORD.scope(RefCell::default(), record).await;
        let line = line("potret-generate-image", "request-1", &record, Timestamp::UNIX_EPOCH);
        insta::assert_snapshot!(format!("{line:#}"), @r#"
        {
          "_aws": {
            "Timestamp": 0,
            "CloudWatchMetrics": [
              {
                "Namespace": "Potret",
                "Dimensions": [
                  [
                    "service"
                  ]
                ],
                "Metrics": [
                  {
                    "Name": "CoinsSettled",
                    "Unit": "Count"
                  },
                  {
                    "Name": "FalLatency",
                    "Unit": "Milliseconds"
                  }
                ]
              }
            ]
          },
          "service": "potret-generate-image",
          "function_request_id": "request-1",
          "CoinsSettled": 3.0,
          "FalLatency": [
            1500.0,
            1700.0
          ]
        }
        "#);
    }

    #[test]
    fn outside_of_an_invocation_nothing_is_recorded() {
        count(Metric::Batches, 1);
        measure(Metric::FalLatency, 1.0);
        assert!(RECORD.try_with(|_| ()).is_err());
    }
}
