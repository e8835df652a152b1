//! What the operator chooses about batches.

use common::coins::Coins;
use common::fal::{ImageToImageModel, Steps};
use common::settings::Settings;

/// Highest price of a batch; a guard against a slip of the finger.
const MAX_COINS_PER_BATCH: u64 = 1_000;

/// What a batch is and costs.
#[derive(Debug, Clone, Copy)]
pub struct BatchConfig {
    /// The price, at least 1.
    pub coins: Coins,
    /// The model for requests with photos.
    pub image_to_image: ImageToImageModel,
    /// How many inference steps every picture gets.
    pub steps: Steps,
}

impl BatchConfig {
    /// Reads `COINS_PER_BATCH`, `IMAGE_TO_IMAGE_MODEL` and `NUM_INFERENCE_STEPS`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let coins = settings.parsed("COINS_PER_BATCH", Coins::new(1), |text| {
            let coins = text.parse().ok().filter(|coins| (1..=MAX_COINS_PER_BATCH).contains(coins));
            coins.map(Coins::new).ok_or(format!("must be a whole number from 1 to {MAX_COINS_PER_BATCH}"))
        });
        let model = settings.parsed("IMAGE_TO_IMAGE_MODEL", ImageToImageModel::default(), str::parse);
        let steps = settings.parsed("NUM_INFERENCE_STEPS", Steps::default(), str::parse);
        Some(Self { coins: coins?, image_to_image: model?, steps: steps? })
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
