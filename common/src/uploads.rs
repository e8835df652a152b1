//! Photos for fal: stored in S3 under their owner's prefix, and fetched by fal through presigned URLs.

use std::fmt;
use std::time::Duration;

use futures::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;
use tokio::time::timeout;
use uuid::Uuid;

use crate::generations::Generation;
use crate::identity::UserId;
use crate::ids::AttemptId;
use crate::photos::{Photo, PhotoError, PhotoFormat, PhotoHeader, to_data_url};
use crate::s3::{Object, S3Bucket, S3Error};
use crate::settings::Settings;

/// fal's type for image URLs is capped at this many characters; a session token makes a URL long.
const MAX_URL_CHARS: usize = 2048;

/// Largest uploaded photo: several times what a phone makes, and less than fal reads.
pub const MAX_UPLOAD_BYTES: u64 = 20 * 1024 * 1024;

/// How long a client may take to send its photo.
pub const UPLOAD_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The value of `If-None-Match` in an upload: S3 stores the object only if none has the key, so the URL works once.
pub const ONLY_ONCE: &str = "*";

/// Longest wait for the deletion of a photo.
const DELETE_WITHIN: Duration = Duration::from_secs(1);

/// How much of an uploaded file is read to find its size in pixels: first a little, which holds the header of
/// almost every picture, then what a camera can put before it.
const HEADER_BYTES: [u64; 2] = [64 * 1024, 1024 * 1024];

/// The namespace of the users' prefixes in the bucket (a UUID made for this purpose, never to change).
const PREFIXES: Uuid = Uuid::from_u128(0x5b0e_7f3c_9a41_4d0e_8c55_1f6d_2a7b_90e3);

/// An object's key in the bucket. Keys are made here only, so every photo is under its owner's prefix. They
/// are short, because fal limits the length of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key of one photo of one attempt. An attempt's id is never used twice, so neither is a key: fal
    /// caches pictures by their URL.
    pub fn photo(user: &UserId, attempt: AttemptId, name: &str, format: PhotoFormat) -> Self {
        Self(format!("{}{name}.{}", folder(user, attempt), format.extension()))
    }

    /// The keys of the photos that were stored for the generation's attempt: those of [`ObjectKey::photo`], and not
    /// the client's own uploads. The URLs that its record shows have them.
    pub fn of_photos(generation: &Generation) -> Vec<Self> {
        let folder = folder(&generation.user_id, generation.attempt_id);
        let urls = generation.job.image_urls().filter_map(Value::as_str);
        let names = urls.filter_map(|url| Some(url.split_once(&folder)?.1));
        names.map(|name| Self(format!("{folder}{name}"))).collect()
    }

    /// The key of a photo that `user` uploads. Another user's key is different, so no user can name another's
    /// photo.
    pub fn upload(user: &UserId, id: UploadId) -> Self {
        Self(format!("uploads/{}/by-client/{id}", owner(user)))
    }
}

/// Begins the keys of an attempt's photos.
fn folder(user: &UserId, attempt: AttemptId) -> String {
    format!("uploads/{}/{attempt}/", owner(user))
}

/// A user's part of a key: a UUID, because an id may be long or have slashes.
fn owner(user: &UserId) -> Uuid {
    Uuid::new_v5(&PREFIXES, user.as_str().as_bytes())
}

/// A photo that a client uploads by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UploadId(Uuid);

impl UploadId {
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A URL with which anybody can get or put one object for a while. Its query string is a secret.
#[derive(Debug, Clone)]
pub struct PresignedUrl(SecretString);

impl PresignedUrl {
    /// The whole URL, for fal or for the owner of an upload.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Why a photo could not be stored or signed.
#[derive(Debug, Error)]
pub enum UploadError {
    /// S3 did not store the object.
    #[error("S3 did not store {key}: {cause}")]
    Store { key: ObjectKey, cause: S3Error },
    /// S3 did not give the object, although it may be there.
    #[error("S3 did not give {key}: {cause}")]
    Read { key: ObjectKey, cause: String },
    /// The deadline passed before everything was stored.
    #[error("S3 did not store the photos in time")]
    TimedOut,
    /// The signed URL is longer than fal accepts.
    #[error("the presigned URL of {key} has {chars} characters, and fal takes {MAX_URL_CHARS}")]
    UrlTooLong {
        key: ObjectKey,
        /// The URL's length in characters.
        chars: usize,
    },
}

/// Why an uploaded photo cannot be used.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The photo is at fault.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// S3 did not answer.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

/// The bucket's name, from `UPLOADS_BUCKET`.
pub fn bucket(settings: &mut Settings<'_>) -> Option<String> {
    settings.required("UPLOADS_BUCKET")
}

/// The bucket of the merchants' photos.
#[derive(Debug, Clone)]
pub struct Uploads {
    bucket: S3Bucket,
}

impl Uploads {
    pub fn new(bucket: S3Bucket) -> Self {
        Self { bucket }
    }

    /// Signs a GET of `key`, which need not exist yet, for `lifetime`. Nothing is sent.
    pub fn presign_get(&self, key: &ObjectKey, lifetime: Duration) -> Result<PresignedUrl, UploadError> {
        let url = String::from(self.bucket.presigned_get(&key.0, lifetime));
        if url.len() > MAX_URL_CHARS {
            return Err(UploadError::UrlTooLong { key: key.clone(), chars: url.len() });
        }
        Ok(PresignedUrl(url.into()))
    }

    /// Logs how long the URL of a photo is. AWS promises no length of the session token in it, and when the URL is too
    /// long for fal, no batch with photos can be made: then photos must travel in the request.
    pub fn log_url_length(&self) {
        let longest = ObjectKey(format!("uploads/{0}/{0}/background.webp", Uuid::nil()));
        match self.presign_get(&longest, Duration::from_secs(1_000)) {
            Ok(url) => {
                let chars = url.expose().len();
                tracing::info!(chars, most = MAX_URL_CHARS, "length of a photo's URL");
            }
            Err(error) => tracing::error!(%error, "the URLs of photos are too long for fal"),
        }
    }

    /// Signs a PUT of exactly `bytes` bytes of `format` at `key`, good for [`UPLOAD_WITHIN`] and for one object. All
    /// three are signed, so S3 refuses another type, another length, or a request without [`ONLY_ONCE`].
    pub fn presign_put(&self, key: &ObjectKey, format: PhotoFormat, bytes: u64) -> PresignedUrl {
        let headers = [
            ("content-length", bytes.to_string()),
            ("content-type", format.content_type().to_owned()),
            ("if-none-match", ONLY_ONCE.to_owned()),
        ];
        PresignedUrl(String::from(self.bucket.presigned_put(&key.0, UPLOAD_WITHIN, &headers)).into())
    }

    /// Tells the format and the size of the photo at `key` by its first bytes, and holds the photo to the limits.
    pub async fn inspect(&self, key: &ObjectKey) -> Result<PhotoHeader, InspectError> {
        let mut found = Err(PhotoError::NotAnImage);
        for bytes in HEADER_BYTES {
            let header = self.read(key, Some(bytes)).await?.ok_or(PhotoError::NoSuchUpload)?;
            if header.size > MAX_UPLOAD_BYTES {
                return Err(PhotoError::TooManyBytes.into());
            }
            found = PhotoFormat::of_header(&header.bytes);
            if found != Err(PhotoError::NotAnImage) || header.size <= bytes {
                break;
            }
        }
        Ok(found?)
    }

    /// The whole photo at `key`, which was inspected before, as a `data:` URL.
    pub async fn to_data_url(&self, key: &ObjectKey) -> Result<String, UploadError> {
        let gone = |cause: String| UploadError::Read { key: key.clone(), cause };
        let file = self.read(key, None).await?.ok_or_else(|| gone("it is not there any more".to_owned()))?;
        let header = PhotoFormat::of_header(&file.bytes).map_err(|error| gone(error.to_string()))?;
        Ok(to_data_url(header.format, &file.bytes))
    }

    /// The object at `key`, or its first `bytes`.
    async fn read(&self, key: &ObjectKey, bytes: Option<u64>) -> Result<Option<Object>, UploadError> {
        let read = self.bucket.get(&key.0, bytes).await;
        read.map_err(|cause| UploadError::Read { key: key.clone(), cause: cause.to_string() })
    }

    pub async fn store(&self, key: &ObjectKey, photo: &Photo) -> Result<(), UploadError> {
        let stored = self.bucket.put(&key.0, photo.format().content_type(), photo.bytes().clone()).await;
        stored.map_err(|cause| UploadError::Store { key: key.clone(), cause })
    }

    /// Deletes photos that nobody needs any more, all at the same time and within a second. A photo that
    /// cannot be deleted is left to the bucket's lifecycle.
    pub async fn delete(&self, keys: Vec<ObjectKey>) {
        let delete = async |key: ObjectKey| {
            let cause = match timeout(DELETE_WITHIN, self.bucket.delete(&key.0)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no response in time".to_owned(),
            };
            tracing::warn!(%key, cause, "a photo is not deleted, the bucket's lifecycle will delete it");
        };
        join_all(keys.into_iter().map(delete)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_under_their_owners_prefix_and_stay_short() {
        let attempt = AttemptId::random();
        let user = UserId::parse(&format!("../{}", "x".repeat(200))).expect("a user id");
        let key = ObjectKey::photo(&user, attempt, "product-1", PhotoFormat::Jpeg).to_string();
        assert!(key.starts_with("uploads/") && key.ends_with("/product-1.jpg"), "{key}");
        assert!(key.len() < 120 && !key.contains(".."), "{key}");
        let other = UserId::parse("somebody else").expect("a user id");
        assert_ne!(key, ObjectKey::photo(&other, attempt, "product-1", PhotoFormat::Jpeg).to_string());
    }
}
