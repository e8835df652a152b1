//! Every error of the domain as a problem: one exhaustive match each.

use serde_json::json;

use super::{Code, Problem};
use crate::coins::{HoldRefused, SettleRefused, Unavailable};
use crate::fal::{FalError, FalErrorKind};
use crate::generations::ReadError;
use crate::idempotency::InvalidIdempotencyKey;
use crate::uploads::UploadError;
use crate::validation::{FaultKind, Faults};

const DATABASE_BUSY: &str = "We could not reach our database. Nothing was charged; please try again.";

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        let (code, detail) = match faults.kind() {
            FaultKind::Invalid => (Code::InvalidRequest, "Some fields of the request are not valid."),
            FaultKind::Malformed => (Code::MalformedRequest, "An image could not be read from the request."),
            FaultKind::TooLarge => (Code::PayloadTooLarge, "An image is too large."),
            FaultKind::NotAnImage => {
                (Code::InvalidImage, "A photo is not a PNG, JPEG or WebP image, or not there.")
            }
        };
        let errors: Vec<_> =
            faults.iter().map(|fault| json!({"pointer": fault.pointer, "message": fault.message})).collect();
        Self::new(code, detail).with("errors", errors)
    }
}

impl From<InvalidIdempotencyKey> for Problem {
    fn from(error: InvalidIdempotencyKey) -> Self {
        Self::new(Code::MalformedRequest, format!("The Idempotency-Key header is not usable: {error}."))
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        if error.transient {
            Self::new(Code::TryAgain, DATABASE_BUSY).caused_by(error.to_string())
        } else {
            Self::internal(error.to_string())
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        if error.transient {
            Self::new(Code::TryAgain, DATABASE_BUSY).caused_by(error.to_string())
        } else {
            Self::internal(error.to_string())
        }
    }
}

impl From<HoldRefused> for Problem {
    fn from(refused: HoldRefused) -> Self {
        match refused {
            HoldRefused::InsufficientCoins { required, balance } => {
                Self::new(Code::InsufficientCoins, "You do not have enough coins for this batch.")
                    .with("coins_required", required.count())
                    .with("coins_available", balance.available.count())
                    .with("coins_balance", balance.settled.count())
            }
            HoldRefused::TooManyGenerations => Self::new(
                Code::TooManyGenerations,
                "Several of your batches are running. Please wait for one to end.",
            ),
            HoldRefused::InProgress => Self::new(Code::GenerationInProgress, "This batch is still running."),
            HoldRefused::KeyReused => {
                Self::new(Code::IdempotencyKeyReused, "This Idempotency-Key was used for another request.")
            }
            HoldRefused::Unavailable(error) => error.into(),
        }
    }
}

impl From<SettleRefused> for Problem {
    fn from(refused: SettleRefused) -> Self {
        match refused {
            SettleRefused::LeaseLost => {
                let detail = "The batch took too long and was given up. Nothing was charged.";
                Self::new(Code::ImageProviderTimeout, detail).caused_by(refused.to_string())
            }
            SettleRefused::Unavailable(error) => error.into(),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Store { .. } | UploadError::Read { .. } | UploadError::TimedOut => {
                let detail = "We could not reach your photos. Nothing was charged; please try again.";
                Self::new(Code::TryAgain, detail).caused_by(error.to_string())
            }
            UploadError::Presign { .. } | UploadError::UrlTooLong { .. } => Self::internal(error.to_string()),
        }
    }
}

impl From<FalError> for Problem {
    fn from(error: FalError) -> Self {
        let failed = "The image provider could not make the pictures. Nothing was charged.";
        let busy = "The image provider is busy. Nothing was charged; please try again in a moment.";
        let problem = match &error.kind {
            FalErrorKind::KeyRefused => {
                Self::new(Code::ImageProviderFailed, failed).alarming("fal_key_refused")
            }
            FalErrorKind::AccountLocked => {
                Self::new(Code::ImageProviderBusy, busy).alarming("fal_account_locked")
            }
            FalErrorKind::Busy => Self::new(Code::ImageProviderBusy, busy),
            FalErrorKind::ContentRejected => {
                let detail = "The prompt or a picture was rejected as unsafe. Nothing was charged.";
                Self::new(Code::ContentRejected, detail)
            }
            FalErrorKind::PhotoRefused => {
                let detail = "The image provider could not use one of the photos. Nothing was charged.";
                Self::new(Code::InvalidImage, detail)
            }
            // The prompt may have been built from options, so no one field is to blame.
            FalErrorKind::PromptRefused => {
                value_refused("", "the prompt was not accepted by the image provider")
            }
            FalErrorKind::LorasRefused => value_refused("/loras", "were not accepted by the image provider"),
            FalErrorKind::Timeout => {
                let detail = "The image provider took too long. Nothing was charged.";
                Self::new(Code::ImageProviderTimeout, detail)
            }
            FalErrorKind::Failed => Self::new(Code::ImageProviderFailed, failed),
        };
        let request_id = error.request_id.as_deref().unwrap_or("unknown");
        problem.caused_by(format!("{error}; fal's request id is {request_id}"))
    }
}

fn value_refused(pointer: &str, message: &str) -> Problem {
    let detail = "The image provider did not accept a value. Nothing was charged.";
    Problem::new(Code::InvalidRequest, detail)
        .with("errors", json!([{"pointer": pointer, "message": message}]))
}
