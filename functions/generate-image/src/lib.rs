//! `POST /api/generate-image`: a coin is held, two pictures are made, the coin is settled or given back.

mod answer;
mod generate;
mod plan;
mod request;
mod uploaded;

use common::api::{self, Caller, Problem};
use common::aws::{DynamoDb, S3};
use common::coins::Ledger;
use common::config::{self, BatchConfig, ConfigError, FalConfig, PhotoDelivery, Tables, UploadsConfig};
use common::fal::{FalClient, FalKey};
use common::generations::Generations;
use common::idempotency::IdempotencyKey;
use common::net::HttpClient;
use common::uploads::Uploads;
use jiff::Timestamp;
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};

pub use request::most_photos;

use request::GenerationRequest;

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
    /// Where coins and generations are.
    pub tables: Tables,
    /// Where photos go.
    pub uploads: UploadsConfig,
    /// What a batch is and costs.
    pub batch: BatchConfig,
    /// How to reach fal.
    pub fal: FalConfig,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self {
            log_level: config::log_level(settings),
            tables: Tables::all(settings),
            uploads: UploadsConfig::load(settings),
            batch: BatchConfig::load(settings),
            fal: FalConfig::load(settings),
        })
    }
}

/// The function.
#[derive(Debug)]
pub struct GenerateImage {
    ledger: Ledger,
    generations: Generations,
    uploads: Uploads,
    photo_delivery: PhotoDelivery,
    fal: FalClient,
    batch: BatchConfig,
}

impl GenerateImage {
    /// Works with AWS, and with fal under `key`, over the connections of `http`.
    pub fn new(config: Config, key: &FalKey, dynamodb: DynamoDb, s3: S3, http: HttpClient) -> Self {
        Self {
            generations: Generations::new(dynamodb.clone(), config.tables.generations.clone()),
            ledger: Ledger::new(dynamodb, config.tables),
            uploads: Uploads::new(s3, config.uploads.bucket),
            photo_delivery: config.uploads.delivery,
            fal: FalClient::new(http, config.fal.hosts, key, config.fal.timeout),
            batch: config.batch,
        }
    }

    /// Answers one request, which arrived at `now`.
    pub async fn handle(&self, mut request: Request, now: Timestamp) -> Response<Body> {
        let body = std::mem::take(request.body_mut());
        api::answer(&request, self.respond(&request, body, now)).await
    }

    async fn respond(
        &self,
        request: &Request,
        body: Body,
        now: Timestamp,
    ) -> Result<Response<Body>, Problem> {
        api::expect_route(request, Method::POST, "/api/generate-image")?;
        let caller = Caller::of(request, now)?;
        let key = api::header(request, "idempotency-key")?.map(IdempotencyKey::parse).transpose()?;
        let request = GenerationRequest::read(api::object(request, body)?, self.batch.image_to_image)?;
        self.generate(&caller, key.as_ref(), request).await?.into_response()
    }
}
