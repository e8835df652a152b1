//! `POST /api/generate-image`: a coin is held, two pictures are made, the coin is settled or given back.

mod asynchronous;
mod batch;
mod delivered;
mod generate;
mod loras;
mod plan;
mod request;
mod uploaded;

use common::api::{Call, Endpoint, Problem, RespondAsync, Response, Route};
use common::batches::{Batches, BatchesConfig, pull_after};
use common::fal::{FalConfig, Retention};
use common::function::{Function, Platform, StartError};
use common::idempotency::IdempotencyKey;
use common::identity::UserId;
use common::settings::{Settings, http_url};
use common::tables::Tables;
use common::uploads;
use jiff::SignedDuration;
use url::Url;

pub use batch::{BatchConfig, PhotoDelivery};
pub use request::most_photos;

use generate::Order;
use request::GenerationRequest;

#[derive(Debug, Clone)]
pub struct Config {
    tables: Tables,
    bucket: String,
    photo_delivery: PhotoDelivery,
    batch: BatchConfig,
    fal: FalConfig,
    retention: Retention,
    pull_after: SignedDuration,
    /// Where fal reaches this API, if not at the host that the event names.
    public_url: Option<Url>,
}

#[derive(Debug)]
pub struct GenerateImage {
    batches: Batches,
    photo_delivery: PhotoDelivery,
    batch: BatchConfig,
    public_url: Option<Url>,
}

impl Function for GenerateImage {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;

    fn load(settings: &mut Settings<'_>) -> Option<Config> {
        let (tables, bucket) = (Tables::load(settings), uploads::bucket(settings));
        let photo_delivery = PhotoDelivery::load(settings);
        let (batch, fal) = (BatchConfig::load(settings), FalConfig::load(settings));
        let retention = Retention::load(settings);
        let public_url = settings.parsed("PUBLIC_URL", None, |text| http_url(text).map(Some));
        let pull_after = pull_after(settings);
        Some(Config {
            tables: tables?,
            bucket: bucket?,
            photo_delivery: photo_delivery?,
            batch: batch?,
            fal: fal?,
            retention: retention?,
            pull_after: pull_after?,
            public_url: public_url?,
        })
    }

    async fn connect(config: Config, platform: &Platform<'_>) -> Result<Self, StartError> {
        let Config { tables, bucket, photo_delivery, batch, fal, retention, pull_after, public_url } = config;
        let batches = BatchesConfig { tables, bucket, fal, pull_after };
        let batches = Batches::connect(batches, platform).await?;
        let batches = batches.with_budget(batch.failures).with_retention(retention);
        if photo_delivery == PhotoDelivery::PresignedUrl {
            batches.uploads().log_url_length();
        }
        Ok(Self { batches, photo_delivery, batch, public_url })
    }
}

impl Endpoint for GenerateImage {
    type Caller = UserId;
    const ROUTES: &'static [Route] = &[Route::post("/api/generate-image")];

    async fn respond(&self, mut call: Call<'_, UserId>) -> Result<Response, Problem> {
        let key = call.header("idempotency-key")?.map(IdempotencyKey::parse).transpose()?;
        let preference = call.header("prefer")?.and_then(RespondAsync::read);
        let body = call.object()?;
        let order = Order { user_id: &call.caller, clock: &call.clock, key: key.as_ref() };
        if request::has_photos(&body) {
            self.check_coins(&order).await?;
        }
        let request = GenerationRequest::read(body, &self.batch)?;
        match preference {
            None => self.generate(&order, request).await?.into_response(),
            Some(preference) => {
                let public_url = self.public_url(call.host())?;
                self.generate_async(&order, request, preference, &public_url).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::settings::{SettingsError, load};

    use super::*;

    fn config(pairs: &'static [(&str, &str)]) -> Result<Config, SettingsError> {
        let lookup = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned());
        load(&lookup, GenerateImage::load)
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let error = config(&[
            ("LEDGER_TABLE", "l"),
            ("UPLOADS_BUCKET", " "),
            ("COINS_PER_BATCH", "0"),
            ("IMAGE_TO_IMAGE_MODEL", "fal-ai/flux-1.1/image-to-image"),
            ("NUM_INFERENCE_STEPS", "28"),
            ("FAL_KEY", "s3cret-without-a-colon"),
            ("FAL_BASE_URL", "ftp://x"),
            ("FAL_TIMEOUT_SECONDS", "181"),
            ("FAILURES_PER_DAY", "3"),
            ("LORA_HOSTS", "huggingface.co,10.0.0.1"),
            ("FAL_KEEPS_PAYLOADS", "perhaps"),
            ("FAL_KEEPS_PICTURES_SECONDS", "60"),
            ("PHOTO_DELIVERY", "pigeon"),
        ]);
        insta::assert_snapshot!(error.expect_err("faults").to_string().replace("; ", "\n"), @"
        the configuration is unusable: PROFILES_TABLE is not set
        GENERATIONS_TABLE is not set
        UPLOADS_BUCKET is not set
        PHOTO_DELIVERY must be presigned-url or data-url
        COINS_PER_BATCH must be a whole number from 1 to 1000
        IMAGE_TO_IMAGE_MODEL must be fal-ai/flux-2/lora/edit or fal-ai/flux-general/image-to-image: fal has no endpoint fal-ai/flux-1.1/image-to-image, which was used once
        NUM_INFERENCE_STEPS must be 7, or 4 for the lowest cost
        FAL_TIMEOUT_SECONDS must be a whole number of seconds from 1 to 180
        FAILURES_PER_DAY must be a whole number from 4 to 1000
        LORA_HOSTS must be names of hosts, separated by commas
        FAL_BASE_URL must be an http or https URL
        FAL_KEY must hold a fal key of the form <id>:<secret>, in visible ASCII characters
        FAL_KEEPS_PAYLOADS must be true or false
        FAL_KEEPS_PICTURES_SECONDS must be a whole number of seconds from 3600 to 315360000
        ");
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = config(&[
            ("PROFILES_TABLE", "p"),
            ("GENERATIONS_TABLE", "g"),
            ("LEDGER_TABLE", "l"),
            ("UPLOADS_BUCKET", "b"),
            ("FAL_KEY_PARAMETER", "/potret/fal-key"),
        ]);
        let Config { photo_delivery, batch, fal, retention, pull_after, .. } =
            config.expect("a configuration");
        assert_eq!((photo_delivery, batch.coins.count()), (PhotoDelivery::PresignedUrl, 1));
        assert_eq!(batch.image_to_image.endpoint(), "fal-ai/flux-2/lora/edit");
        assert_eq!((batch.steps.count(), batch.picture_within.as_secs()), (7, 180));
        assert_eq!((batch.async_lease.as_secs(), pull_after.as_secs()), (900, 60));
        assert_eq!(retention, Retention::default());
        assert!(matches!(fal.key, common::secrets::Source::Parameter(name) if name == "/potret/fal-key"));
    }
}
