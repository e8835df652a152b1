//! `POST /api/uploads`: a presigned URL for a photo that is too large for a request's body.

use common::api::{self, Call, Endpoint, Problem, Response, Route};
use common::coins::Coins;
use common::function::{Function, Platform, StartError};
use common::identity::UserId;
use common::ledger::Profiles;
use common::photos::PhotoFormat;
use common::settings::Settings;
use common::tables::ProfilesTable;
use common::timestamps;
use common::uploads::{self, MAX_UPLOAD_BYTES, ONLY_ONCE, ObjectKey, UPLOAD_WITHIN, UploadId, Uploads};
use common::validation::{FaultKind, Faults, Fields};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Map, Value};

/// Longest media type that is read, in characters.
const MAX_CONTENT_TYPE_CHARS: usize = 100;

/// How many coins a user must have available, so that the bucket is no free storage for everybody who can sign in.
/// Nothing is charged.
const REQUIRED_COINS: Coins = Coins::new(1);

#[derive(Debug, Clone)]
pub struct Config {
    bucket: String,
    profiles: ProfilesTable,
}

#[derive(Debug)]
pub struct CreateUpload {
    uploads: Uploads,
    profiles: Profiles,
}

impl Function for CreateUpload {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    type Config = Config;

    fn load(settings: &mut Settings<'_>) -> Option<Config> {
        let (bucket, profiles) = (uploads::bucket(settings), ProfilesTable::load(settings));
        Some(Config { bucket: bucket?, profiles: profiles? })
    }

    async fn connect(config: Config, platform: &Platform<'_>) -> Result<Self, StartError> {
        let Config { bucket, profiles } = config;
        let aws = platform.aws()?;
        Ok(Self {
            uploads: Uploads::new(aws.bucket(bucket)?),
            profiles: Profiles::new(aws.dynamodb(), profiles),
        })
    }
}

impl Endpoint for CreateUpload {
    type Caller = UserId;
    const ROUTES: &'static [Route] = &[Route::post("/api/uploads")];

    async fn respond(&self, mut call: Call<'_, UserId>) -> Result<Response, Problem> {
        let (format, bytes) = read(call.object()?)?;
        let (user_id, upload_id) = (&call.caller, UploadId::random());
        self.profiles.require(user_id, REQUIRED_COINS, call.clock.arrived_at()).await?;
        let url = self.uploads.presign_put(&ObjectKey::upload(user_id, upload_id), format, bytes);
        let lifetime = SignedDuration::try_from(UPLOAD_WITHIN).unwrap_or_default();
        tracing::info!(%user_id, %upload_id, bytes, "upload created");
        api::created(&Created {
            upload_id,
            url: url.expose().to_owned(),
            method: "PUT",
            headers: Headers { content_type: format.content_type(), if_none_match: ONLY_ONCE },
            expires_at: timestamps::to_text(call.clock.arrived_at() + lifetime),
        })
    }
}

/// A presigned URL for one photo. The URL is a secret: anybody who has it can put this photo.
#[derive(Serialize)]
struct Created {
    upload_id: UploadId,
    url: String,
    method: &'static str,
    headers: Headers,
    expires_at: String,
}

/// Headers to send with the photo. Browsers add the length themselves.
#[derive(Serialize)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: &'static str,
    #[serde(rename = "if-none-match")]
    if_none_match: &'static str,
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

/// A whole number. JSON allows `45631.0` as well.
fn whole(number: &Value) -> Option<u64> {
    let float = || number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    number.as_u64().or_else(|| float().map(|number| number as u64))
}
