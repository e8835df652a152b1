//! `POST /api/uploads`: a place for a photo that is too large to travel inside a request.

use common::api::{self, Caller, Problem};
use common::aws::S3;
use common::config::{self, ConfigError};
use common::photos::PhotoFormat;
use common::timestamps;
use common::uploads::{MAX_UPLOAD_BYTES, ObjectKey, UPLOAD_WITHIN, UploadId, Uploads};
use common::validation::{FaultKind, Faults, Fields};
use jiff::{SignedDuration, Timestamp};
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// Longest media type that is read, in characters.
const MAX_CONTENT_TYPE_CHARS: usize = 100;

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is logged.
    pub log_level: tracing::Level,
    /// Where photos go.
    pub bucket: String,
}

impl Config {
    /// Reads the settings through `lookup`.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        config::load(lookup, |settings| Self {
            log_level: config::log_level(settings),
            bucket: config::uploads_bucket(settings),
        })
    }
}

/// The function.
#[derive(Debug)]
pub struct CreateUpload {
    uploads: Uploads,
}

/// A place for one photo. The URL is a secret of the caller's own: it lets whoever has it put this one photo.
#[derive(Serialize)]
struct Created {
    upload_id: UploadId,
    url: String,
    method: &'static str,
    headers: Headers,
    expires_at: String,
}

/// What must be sent with the photo; browsers add the length by themselves.
#[derive(Serialize)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: &'static str,
}

impl CreateUpload {
    /// Signs for the bucket through `s3`.
    pub fn new(config: Config, s3: S3) -> Self {
        Self { uploads: Uploads::new(s3, config.bucket) }
    }

    /// Answers one request, which arrived at `now`.
    pub async fn handle(&self, mut request: Request, now: Timestamp) -> Response<Body> {
        let body = std::mem::take(request.body_mut());
        api::answer(&request, self.create(&request, body, now)).await
    }

    async fn create(&self, request: &Request, body: Body, now: Timestamp) -> Result<Response<Body>, Problem> {
        api::expect_route(request, Method::POST, "/api/uploads")?;
        let caller = Caller::of(request, now)?;
        let (format, bytes) = read(api::object(request, body)?)?;
        let upload_id = UploadId::random();
        let key = ObjectKey::upload(&caller.user_id, upload_id);
        let url = self.uploads.presign_put(&key, format, bytes).await?;
        let lifetime = SignedDuration::try_from(UPLOAD_WITHIN).unwrap_or_default();
        tracing::info!(user_id = %caller.user_id, %upload_id, bytes, "upload created");
        api::created(&Created {
            upload_id,
            url: url.expose().to_owned(),
            method: "PUT",
            headers: Headers { content_type: format.content_type() },
            expires_at: timestamps::to_text(caller.now + lifetime),
        })
    }
}

/// The format and the length in bytes.
fn read(body: Map<String, Value>) -> Result<(PhotoFormat, u64), Faults> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let content_type = fields.text("content_type", MAX_CONTENT_TYPE_CHARS);
    let format = content_type.as_deref().and_then(PhotoFormat::of_content_type);
    if format.is_none() {
        fields.missing("content_type", "must be image/jpeg, image/png or image/webp");
    }
    let bytes = fields.take("content_length").and_then(|length| whole(&length)).filter(|bytes| *bytes > 0);
    match bytes {
        None => fields.invalid("content_length", "must be the file's length in bytes"),
        Some(bytes) if bytes > MAX_UPLOAD_BYTES => {
            let most = format!("must be at most {} MiB", MAX_UPLOAD_BYTES / 1024 / 1024);
            fields.faults().add(FaultKind::TooLarge, "/content_length", most);
        }
        Some(_) => {}
    }
    fields.refuse_rest(|_| "is not a field of this request".to_owned());
    faults.or_some(format.zip(bytes))
}

/// A whole number, which in JSON may be written `45631.0` as well.
fn whole(number: &Value) -> Option<u64> {
    let float = || number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    number.as_u64().or_else(|| float().map(|number| number as u64))
}
