//! Photos on their way to fal: stored in S3 under their owner's prefix, and shown to fal by presigned URLs.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use uuid::Uuid;

use crate::aws::describe;
use crate::generations::AttemptId;
use crate::identity::UserId;
use crate::photos::{Photo, PhotoFormat};

/// How long fal may fetch a photo. It fetches when processing starts, which a queue can delay.
const PRESIGNED_FOR: Duration = Duration::from_secs(60 * 60);

/// fal's type for image URLs is capped at this many characters; a session token makes a URL long.
const MAX_URL_CHARS: usize = 2048;

/// The namespace of the users' prefixes in the bucket (a UUID made for this purpose, never to change).
const PREFIXES: Uuid = Uuid::from_u128(0x5b0e_7f3c_9a41_4d0e_8c55_1f6d_2a7b_90e3);

/// Where an object lies in the bucket. Keys are made here and nowhere else, so every photo lies under its
/// owner's prefix, and short, because it becomes part of a URL that fal limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key of one photo of one attempt. An attempt's id is never used twice, so neither is a key: fal
    /// caches pictures by their URL.
    pub fn photo(user: &UserId, attempt: AttemptId, name: &str, format: PhotoFormat) -> Self {
        // A user's id may hold slashes or be long; its UUID is neither.
        let owner = Uuid::new_v5(&PREFIXES, user.as_str().as_bytes());
        Self(format!("uploads/{owner}/{attempt}/{name}.{}", format.extension()))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A URL that lets whoever holds it fetch one object for an hour. Its query string is a secret.
#[derive(Debug, Clone)]
pub struct PresignedUrl(SecretString);

impl PresignedUrl {
    /// The whole URL, for fal and nobody else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Why a photo could not be stored or signed.
#[derive(Debug, Error)]
pub enum UploadError {
    /// S3 did not take the object.
    #[error("S3 did not store {key}: {cause}")]
    Store {
        /// The object's key.
        key: ObjectKey,
        /// The SDK's account of it.
        cause: String,
    },
    /// The deadline passed before everything was stored.
    #[error("S3 did not store the photos in time")]
    TimedOut,
    /// The URL could not be signed: no credentials, most likely.
    #[error("the URL of {key} could not be presigned: {cause}")]
    Presign {
        /// The object's key.
        key: ObjectKey,
        /// The SDK's account of it.
        cause: String,
    },
    /// The signed URL is longer than fal accepts.
    #[error("the presigned URL of {key} has {chars} characters, and fal takes {MAX_URL_CHARS}")]
    UrlTooLong {
        /// The object's key.
        key: ObjectKey,
        /// The URL's length in characters.
        chars: usize,
    },
}

/// The bucket of the merchants' photos.
#[derive(Debug, Clone)]
pub struct Uploads {
    client: Client,
    bucket: String,
}

impl Uploads {
    /// Uses `bucket` through `client`.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Signs a GET of `key`, which need not exist yet. Nothing is sent.
    pub async fn presign_get(&self, key: &ObjectKey) -> Result<PresignedUrl, UploadError> {
        let presign = |cause: String| UploadError::Presign { key: key.clone(), cause };
        let config =
            PresigningConfig::expires_in(PRESIGNED_FOR).map_err(|error| presign(error.to_string()))?;
        let request = self.client.get_object().bucket(&self.bucket).key(&key.0).presigned(config).await;
        let request = request.map_err(|error| presign(describe(&error)))?;
        let url = request.uri();
        if url.len() > MAX_URL_CHARS {
            return Err(UploadError::UrlTooLong { key: key.clone(), chars: url.len() });
        }
        Ok(PresignedUrl(url.into()))
    }

    /// Stores `photo` under `key`.
    pub async fn store(&self, key: &ObjectKey, photo: &Photo) -> Result<(), UploadError> {
        let put = self.client.put_object().bucket(&self.bucket).key(&key.0);
        let put = put.content_type(photo.format().content_type());
        let sent = put.body(ByteStream::from(photo.bytes().clone())).send().await;
        sent.map(drop).map_err(|error| UploadError::Store { key: key.clone(), cause: describe(&error) })
    }
}

/// `url` without its query string and fragment, where signatures are; a `data:` URL without its data. Only
/// this form may reach a response, a log or a table.
pub fn without_secrets(url: &str) -> String {
    if let Some((label, _)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        return format!("data:{label},…");
    }
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
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

    #[test]
    fn signatures_and_image_data_are_cut() {
        assert_eq!(without_secrets("https://b/face.jpg?X-Amz-Signature=abc#f"), "https://b/face.jpg");
        assert_eq!(without_secrets("data:image/png;base64,AAAA"), "data:image/png;base64,…");
    }
}
