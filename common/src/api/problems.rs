//! Every error of the domain as a problem, each by one exhaustive match.

use serde_json::json;

use super::{Code, Detail, Problem};
use crate::fal::{FalError, FalErrorKind};
use crate::generations::{Generation, ReadError, Status};
use crate::idempotency::InvalidIdempotencyKey;
use crate::ledger::{HoldRefused, SettleRefused, Unavailable};
use crate::uploads::UploadError;
use crate::validation::{FaultKind, Faults};

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        let detail = match faults.kind() {
            FaultKind::Invalid => Detail::InvalidFields,
            FaultKind::Malformed => Detail::UnreadableImage,
            FaultKind::TooLarge => Detail::ImageTooLarge,
            FaultKind::NotAnImage => Detail::NotAnImage,
        };
        let errors: Vec<_> =
            faults.iter().map(|fault| json!({"pointer": fault.pointer, "message": fault.message})).collect();
        Self::new(detail).with("errors", errors)
    }
}

impl From<InvalidIdempotencyKey> for Problem {
    fn from(error: InvalidIdempotencyKey) -> Self {
        Self::new(Detail::UnusableIdempotencyKey).caused_by(error.to_string())
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        of_database(error.transient, error.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        of_database(error.transient, error.to_string())
    }
}

impl From<HoldRefused> for Problem {
    fn from(refused: HoldRefused) -> Self {
        match refused {
            HoldRefused::InsufficientCoins { required, balance } => Self::new(Detail::TooFewCoins)
                .with("coins_required", required.count())
                .with("coins_available", balance.available.count())
                .with("coins_balance", balance.settled.count()),
            HoldRefused::TooManyGenerations => Self::new(Detail::SeveralRunning),
            HoldRefused::TooManyFailures { refills_in } => {
                Self::new(Detail::SeveralFailed).retry_after(refills_in)
            }
            HoldRefused::InProgress(_) => Self::new(Detail::BatchRunning),
            HoldRefused::KeyReused => Self::new(Detail::KeyReused),
            HoldRefused::Unavailable(error) => error.into(),
        }
    }
}

impl From<SettleRefused> for Problem {
    fn from(refused: SettleRefused) -> Self {
        match refused {
            SettleRefused::LeaseLost => Self::new(Detail::LeaseLost).caused_by(refused.to_string()),
            SettleRefused::Unavailable(error) => error.into(),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Store { .. } | UploadError::Read { .. } | UploadError::TimedOut => {
                Self::new(Detail::PhotosUnreachable).caused_by(error.to_string())
            }
            UploadError::UrlTooLong { .. } => Self::internal(error.to_string()),
        }
    }
}

impl From<FalError> for Problem {
    fn from(error: FalError) -> Self {
        let problem = match &error.kind {
            FalErrorKind::KeyRefused => Self::new(Detail::ProviderFailed).alarming("fal_key_refused"),
            FalErrorKind::AccountLocked => Self::new(Detail::ProviderBusy).alarming("fal_account_locked"),
            FalErrorKind::Busy => Self::new(Detail::ProviderBusy),
            FalErrorKind::ContentRejected => Self::new(Detail::Unsafe),
            FalErrorKind::PhotoRefused => Self::new(Detail::PhotoRefused),
            // The prompt may have been built from options, so no one field is to blame.
            FalErrorKind::PromptRefused => {
                value_refused("", "the prompt was not accepted by the image provider")
            }
            FalErrorKind::LorasRefused => value_refused("/loras", "were not accepted by the image provider"),
            FalErrorKind::Timeout => Self::new(Detail::ProviderTooSlow),
            FalErrorKind::Failed => Self::new(Detail::ProviderFailed),
        };
        let request_id = error.request_id.as_deref().unwrap_or("unknown");
        problem.billed(error.may_be_billed).caused_by(format!("{error}; fal's request id is {request_id}"))
    }
}

/// The problem that a failed generation's record has the code of.
impl From<&Generation> for Problem {
    fn from(failed: &Generation) -> Self {
        let recorded = failed.error_code.as_deref();
        let code = Code::ALL.iter().copied().find(|code| Some(code.name()) == recorded);
        let detail = match code {
            Some(Code::ContentRejected) => Detail::Unsafe,
            Some(Code::InvalidImage) => Detail::PhotoRefused,
            Some(Code::InvalidRequest) => return value_refused("", "was not accepted by the image provider"),
            Some(Code::ImageProviderBusy) => Detail::ProviderBusy,
            Some(Code::ImageProviderTimeout) => Detail::ProviderTooSlow,
            Some(Code::TryAgain) => Detail::DatabaseBusy,
            Some(Code::InternalError) => Detail::Internal,
            // No problem's code: the lease had passed.
            None if failed.status == Status::Expired => Detail::LeaseLost,
            _ => Detail::ProviderFailed,
        };
        Self::new(detail).caused_by("the asynchronous batch failed")
    }
}

/// Clients may retry after a transient error. Any other error is our fault.
fn of_database(transient: bool, cause: String) -> Problem {
    let detail = if transient { Detail::DatabaseBusy } else { Detail::Internal };
    Problem::new(detail).caused_by(cause)
}

fn value_refused(pointer: &str, message: &str) -> Problem {
    Problem::new(Detail::ValueRefused).with("errors", json!([{"pointer": pointer, "message": message}]))
}
