//! Photos for fal: stored in S3 under their owner's prefix, and fetched by fal through presigned URLs.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::aws::{S3, describe};
use crate::identity::UserId;
use crate::ids::AttemptId;
use crate::photos::{Photo, PhotoError, PhotoFormat, to_data_url};
use crate::settings::Settings;

/// How long fal may fetch a photo. It fetches when processing starts, which a queue can delay.
const PRESIGNED_FOR: Duration = Duration::from_secs(60 * 60);

/// fal's type for image URLs is capped at this many characters; a session token makes a URL long.
const MAX_URL_CHARS: usize = 2048;

/// Largest uploaded photo: several times what a phone makes, and less than fal reads.
pub const MAX_UPLOAD_BYTES: u64 = 20 * 1024 * 1024;

/// How long a client may take to send its photo.
pub const UPLOAD_WITHIN: Duration = Duration::from_secs(15 * 60);

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
        Self(format!("uploads/{}/{attempt}/{name}.{}", owner(user), format.extension()))
    }

    /// The key of a photo that `user` uploads. Another user's key is different, so no user can name another's
    /// photo.
    pub fn upload(user: &UserId, id: UploadId) -> Self {
        Self(format!("uploads/{}/by-client/{id}", owner(user)))
    }
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
    Store { key: ObjectKey, cause: String },
    /// S3 did not give the object, although it may be there.
    #[error("S3 did not give {key}: {cause}")]
    Read { key: ObjectKey, cause: String },
    /// The deadline passed before everything was stored.
    #[error("S3 did not store the photos in time")]
    TimedOut,
    /// The URL could not be signed: no credentials, most likely.
    #[error("the URL of {key} could not be presigned: {cause}")]
    Presign { key: ObjectKey, cause: String },
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
    client: S3,
    bucket: String,
}

impl Uploads {
    /// Uses `bucket` through `client`.
    pub fn new(client: S3, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Signs a GET of `key`, which need not exist yet. Nothing is sent.
    pub async fn presign_get(&self, key: &ObjectKey) -> Result<PresignedUrl, UploadError> {
        let config = presigning(key, PRESIGNED_FOR)?;
        let request = self.client.get_object().bucket(&self.bucket).key(&key.0).presigned(config).await;
        let request = request.map_err(|error| not_presigned(key, describe(&error)))?;
        let url = request.uri();
        if url.len() > MAX_URL_CHARS {
            return Err(UploadError::UrlTooLong { key: key.clone(), chars: url.len() });
        }
        Ok(PresignedUrl(url.into()))
    }

    /// Signs a PUT of exactly `bytes` bytes of `format` at `key`, good for [`UPLOAD_WITHIN`].
    pub async fn presign_put(
        &self,
        key: &ObjectKey,
        format: PhotoFormat,
        bytes: u64,
    ) -> Result<PresignedUrl, UploadError> {
        let config = presigning(key, UPLOAD_WITHIN)?;
        let put = self.client.put_object().bucket(&self.bucket).key(&key.0);
        // Both are signed, so S3 refuses another type or another length.
        let put =
            put.content_type(format.content_type()).content_length(i64::try_from(bytes).unwrap_or(i64::MAX));
        let request = put.presigned(config).await;
        let request = request.map_err(|error| not_presigned(key, describe(&error)))?;
        Ok(PresignedUrl(request.uri().into()))
    }

    /// Tells the format of the photo at `key` by its first bytes, and holds the photo to the limits.
    pub async fn inspect(&self, key: &ObjectKey) -> Result<PhotoFormat, InspectError> {
        let mut format = Err(PhotoError::NotAnImage);
        for bytes in HEADER_BYTES {
            let (header, size) = self.read(key, Some(bytes)).await?.ok_or(PhotoError::NoSuchUpload)?;
            if size > MAX_UPLOAD_BYTES {
                return Err(PhotoError::TooManyBytes.into());
            }
            format = PhotoFormat::of_header(&header);
            if format != Err(PhotoError::NotAnImage) || size <= bytes {
                break;
            }
        }
        Ok(format?)
    }

    /// The whole photo at `key`, which was inspected before, as a `data:` URL.
    pub async fn to_data_url(&self, key: &ObjectKey) -> Result<String, UploadError> {
        let gone = |cause: String| UploadError::Read { key: key.clone(), cause };
        let (file, _) =
            self.read(key, None).await?.ok_or_else(|| gone("it is not there any more".to_owned()))?;
        let format = PhotoFormat::of_header(&file).map_err(|error| gone(error.to_string()))?;
        Ok(to_data_url(format, &file))
    }

    /// The first `bytes` of the object at `key`, or all of it, and the size of the whole. Nothing if there is
    /// none: without the right to list a bucket, S3 says "access denied" of an object that is not there.
    async fn read(&self, key: &ObjectKey, bytes: Option<u64>) -> Result<Option<(Bytes, u64)>, UploadError> {
        let failed = |cause: String| UploadError::Read { key: key.clone(), cause };
        let range = bytes.map(|bytes| format!("bytes=0-{}", bytes - 1));
        let got = self.client.get_object().bucket(&self.bucket).key(&key.0).set_range(range).send().await;
        let object = match got {
            Ok(object) => object,
            Err(error) => {
                let status = error.raw_response().map(|response| response.status().as_u16());
                // 416 is an empty file's answer to any range.
                return if matches!(status, Some(403 | 404 | 416)) {
                    Ok(None)
                } else {
                    Err(failed(describe(&error)))
                };
            }
        };
        let whole = object.content_range.as_deref().and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        let part = object.body.collect().await.map_err(|error| failed(error.to_string()))?.into_bytes();
        let size = whole.unwrap_or(part.len() as u64);
        Ok(Some((part, size)))
    }

    pub async fn store(&self, key: &ObjectKey, photo: &Photo) -> Result<(), UploadError> {
        let put = self.client.put_object().bucket(&self.bucket).key(&key.0);
        let put = put.content_type(photo.format().content_type());
        let sent = put.body(ByteStream::from(photo.bytes().clone())).send().await;
        sent.map(drop).map_err(|error| UploadError::Store { key: key.clone(), cause: describe(&error) })
    }
}

fn presigning(key: &ObjectKey, lifetime: Duration) -> Result<PresigningConfig, UploadError> {
    PresigningConfig::expires_in(lifetime).map_err(|error| not_presigned(key, error.to_string()))
}

fn not_presigned(key: &ObjectKey, cause: String) -> UploadError {
    UploadError::Presign { key: key.clone(), cause }
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
