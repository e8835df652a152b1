//! One DynamoDB transaction, sent until it is decided: applied, refused by a condition, or out of time.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::aws::{describe, is_throttling, is_transient};

/// Most tries of one transaction, and the bounds of the pause between two (full jitter: uniformly random).
const MAX_TRIES: u32 = 6;
const SHORTEST_PAUSE_MS: u64 = 20;
const LONGEST_PAUSE_MS: u64 = 200;

/// All tries of one transaction together.
const TIME_LIMIT: Duration = Duration::from_secs(5);

pub(super) type Item = HashMap<String, AttributeValue>;

/// The item that a condition did not hold for, empty if there is no item; `None` if the condition held.
pub(super) type Finding = Option<Item>;

/// Why a transaction did not apply.
#[derive(Debug)]
pub(super) enum TransactError {
    /// Some condition did not hold, and nothing was written. One finding per action, in their order.
    Refused(Vec<Finding>),
    /// It is not known to have applied.
    Unavailable(Unavailable),
}

/// DynamoDB did not decide in time, or refused the call itself.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB did not decide: {cause}")]
pub struct Unavailable {
    /// The last error, for the log.
    pub cause: String,
    /// Whether a lost try may have applied all the same.
    pub may_have_applied: bool,
    /// Whether the same call may succeed later. `false` means wrong permissions or a fault of ours.
    pub transient: bool,
}

impl Unavailable {
    /// A call of one item that failed for good, after the SDK's own retries.
    pub(super) fn of<E: ProvideErrorMetadata + Error + 'static>(
        error: &SdkError<E>,
        may_have_applied: bool,
    ) -> Self {
        Self { cause: describe(error), may_have_applied, transient: is_transient(error) }
    }
}

/// Sends `actions` as one transaction. Conflicts, throttling and lost replies are tried again under one
/// request token, so that however often it arrives it applies once.
pub(super) async fn transact<const N: usize>(
    client: &Client,
    actions: [Result<TransactWriteItem, BuildError>; N],
) -> Result<(), TransactError> {
    let actions: Result<Vec<_>, _> = actions.into_iter().collect();
    let actions = actions.map_err(|error| TransactError::Unavailable(broken(error)))?;
    // The SDK's own retries are off: the SDK never repeats a conflict, and two layers of retries multiply.
    let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
    let call = client.transact_write_items().set_transact_items(Some(actions));
    let call = call.client_request_token(Uuid::new_v4().to_string());
    let deadline = Instant::now() + TIME_LIMIT;
    let mut may_have_applied = false;
    let mut tries = 1;
    loop {
        let sent = call.clone().customize().config_override(once.clone()).send();
        let cause = match timeout_at(deadline, sent).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => match verdict(&error) {
                Verdict::Refused(findings) => return Err(TransactError::Refused(findings)),
                Verdict::NotApplied => describe(&error),
                Verdict::Unknown => {
                    may_have_applied = true;
                    describe(&error)
                }
                Verdict::Permanent => {
                    let cause = describe(&error);
                    return Err(unavailable(cause, may_have_applied, false));
                }
            },
            Err(_) => return Err(unavailable("no decision in time".to_owned(), true, true)),
        };
        if tries == MAX_TRIES {
            return Err(unavailable(cause, may_have_applied, true));
        }
        tracing::debug!(tries, cause, "transaction is tried again");
        tries += 1;
        sleep(Duration::from_millis(fastrand::u64(SHORTEST_PAUSE_MS..=LONGEST_PAUSE_MS))).await;
    }
}

fn unavailable(cause: String, may_have_applied: bool, transient: bool) -> TransactError {
    TransactError::Unavailable(Unavailable { cause, may_have_applied, transient })
}

/// The findings about a transaction's first two actions.
pub(super) fn first_two(findings: Vec<Finding>) -> [Finding; 2] {
    let mut findings = findings.into_iter();
    [findings.next().flatten(), findings.next().flatten()]
}

/// The tables hold what the ledger never writes, or cannot read.
pub(super) fn broken(cause: impl ToString) -> Unavailable {
    Unavailable { cause: cause.to_string(), may_have_applied: false, transient: false }
}

/// Other requests were faster every time.
pub(super) fn kept_changing(cause: &str) -> Unavailable {
    Unavailable { cause: cause.to_owned(), may_have_applied: false, transient: true }
}

/// What one try's error says about the transaction.
enum Verdict {
    /// Decided against us.
    Refused(Vec<Finding>),
    /// It was not applied. The next try may be.
    NotApplied,
    /// The reply was lost, or does not say.
    Unknown,
    /// No try will do.
    Permanent,
}

fn verdict(error: &SdkError<TransactWriteItemsError>) -> Verdict {
    let SdkError::ServiceError(context) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Verdict::Permanent,
            SdkError::DispatchFailure(failure) if failure.is_user() => Verdict::Permanent,
            _ => Verdict::Unknown,
        };
    };
    if let TransactWriteItemsError::TransactionCanceledException(canceled) = context.err() {
        return verdict_of_reasons(canceled.cancellation_reasons());
    }
    match context.err().code() {
        Some(code) if is_throttling(code) => Verdict::NotApplied,
        _ if context.raw().status().is_server_error() => Verdict::Unknown,
        _ => Verdict::Permanent,
    }
}

/// A cancellation has one reason per action. With a conflict beside it, a refusal does not show all items, so
/// the transaction is tried again.
fn verdict_of_reasons(reasons: &[CancellationReason]) -> Verdict {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or("None"));
    let passing =
        ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"];
    if codes().any(|code| passing.contains(&code)) {
        return Verdict::NotApplied;
    }
    if codes().any(|code| !matches!(code, "None" | "ConditionalCheckFailed")) || reasons.is_empty() {
        return Verdict::Permanent;
    }
    let finding = |reason: &CancellationReason| {
        (reason.code() == Some("ConditionalCheckFailed")).then(|| reason.item().cloned().unwrap_or_default())
    };
    Verdict::Refused(reasons.iter().map(finding).collect())
}
