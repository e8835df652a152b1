//! What the operator chooses about batches.

use std::time::Duration;

use common::coins::Coins;
use common::fal::{ImageToImageModel, Steps};
use common::ledger::FailureBudget;
use common::settings::Settings;
use jiff::SignedDuration;

use crate::loras::LoraHosts;

/// Highest price of a batch; a guard against a slip of the finger.
const MAX_COINS_PER_BATCH: u64 = 1_000;

/// What a batch is and costs.
#[derive(Debug, Clone)]
pub struct BatchConfig {
    /// The price, at least 1.
    pub coins: Coins,
    /// The model for requests with photos.
    pub image_to_image: ImageToImageModel,
    /// How many inference steps every picture gets.
    pub steps: Steps,
    /// The longest wait for one picture of a synchronous batch. Behind an HTTP API the function's own deadline is
    /// shorter and wins.
    pub picture_within: Duration,
    /// Where LoRAs may come from.
    pub lora_hosts: LoraHosts,
    /// How many failures that fal may bill one user may cause a day.
    pub failures: FailureBudget,
    /// How long the coins of an asynchronous batch are held.
    pub async_lease: SignedDuration,
}

impl BatchConfig {
    /// Reads `COINS_PER_BATCH`, `IMAGE_TO_IMAGE_MODEL`, `NUM_INFERENCE_STEPS`, `FAL_TIMEOUT_SECONDS`,
    /// `FAILURES_PER_DAY`, `LORA_HOSTS` and `ASYNC_LEASE_SECONDS`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let coins = settings.parsed("COINS_PER_BATCH", Coins::new(1), |text| {
            let coins = text.parse().ok().filter(|coins| (1..=MAX_COINS_PER_BATCH).contains(coins));
            coins.map(Coins::new).ok_or(format!("must be a whole number from 1 to {MAX_COINS_PER_BATCH}"))
        });
        let model = settings.parsed("IMAGE_TO_IMAGE_MODEL", ImageToImageModel::default(), str::parse);
        let steps = settings.parsed("NUM_INFERENCE_STEPS", Steps::default(), str::parse);
        let picture_within = settings.seconds("FAL_TIMEOUT_SECONDS", 180, 1..=180);
        let failures = FailureBudget::load(settings);
        let lora_hosts = LoraHosts::load(settings);
        let async_lease = settings.seconds("ASYNC_LEASE_SECONDS", 900, 1..=3_600);
        Some(Self {
            coins: coins?,
            image_to_image: model?,
            steps: steps?,
            picture_within: Duration::from_secs(picture_within?.into()),
            lora_hosts: lora_hosts?,
            failures: failures?,
            async_lease: SignedDuration::from_secs(async_lease?.into()),
        })
    }
}

/// How fal gets the photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoDelivery {
    /// fal fetches them from the bucket.
    PresignedUrl,
    /// They travel in the request: for a stack on a laptop, which the real fal cannot reach.
    DataUrl,
}

impl PhotoDelivery {
    /// Reads `PHOTO_DELIVERY`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        settings.parsed("PHOTO_DELIVERY", Self::PresignedUrl, |text| match text {
            "presigned-url" => Ok(Self::PresignedUrl),
            "data-url" => Ok(Self::DataUrl),
            _ => Err("must be presigned-url or data-url"),
        })
    }
}
