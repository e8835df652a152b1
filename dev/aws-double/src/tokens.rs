//! An identity provider: signs access tokens, which are JWTs in ES256, with a key of its own.
//!
//! Each stack has its own key, so a token is valid on the stack that made it and nowhere else. The function
//! authorizer gets the public half from [`SigningKey::public_keys`].

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
use jiff::Timestamp;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use sam_template::JwtSpec;
use serde_json::{Map, Value, json};

/// The only accepted algorithm.
const ALGORITHM: &str = "ES256";

/// The file in a folder that has a key, in PKCS #8.
const FILE: &str = "token-key.pk8";

/// How many characters of the public key are its id.
const ID_CHARS: usize = 16;

/// A private key that signs tokens. Clones share it.
#[derive(Clone)]
pub struct SigningKey(Arc<EcdsaKeyPair>);

impl SigningKey {
    /// A new key, which only this process knows.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub fn random() -> anyhow::Result<Self> {
        Self::from_pkcs8(&new_pkcs8()?)
    }

    /// The key in `folder`, which is created if it is missing. Only the user who runs the stack may read its
    /// file.
    ///
    /// # Errors
    ///
    /// When the file cannot be written or read, or is not a key.
    pub fn kept_in(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(FILE);
        if !file.exists() {
            create(folder, &file).with_context(|| format!("cannot create {}", file.display()))?;
        }
        let pkcs8 = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::from_pkcs8(&pkcs8).with_context(|| {
            format!("{} is not a key for tokens; without the file, the stack makes a new key", file.display())
        })
    }

    /// The P-256 key in `pkcs8`.
    ///
    /// # Errors
    ///
    /// When `pkcs8` has no such key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new());
        pair.map(|pair| Self(Arc::new(pair))).map_err(|error| anyhow!("not a P-256 key in PKCS #8: {error}"))
    }

    /// The public key, in the form in which issuers publish theirs (JWKS).
    #[must_use]
    pub fn public_keys(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": ALGORITHM, "use": "sig", "kid": self.id(), "x": x, "y": y,
        }]})
    }

    /// A token for a user, valid from now for so many seconds.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub fn issue(&self, user: &str, settings: &JwtSpec, seconds: u32) -> anyhow::Result<String> {
        let now = Timestamp::now().as_second();
        self.sign(&json!({
            "iss": settings.issuer,
            "aud": settings.audience.first(),
            "sub": user,
            "iat": now,
            "exp": now + i64::from(seconds),
        }))
    }

    /// A token with any claims, such as a gateway must refuse.
    ///
    /// # Errors
    ///
    /// When the system has no random numbers.
    pub fn sign(&self, claims: &Value) -> anyhow::Result<String> {
        let message = message(&json!({"typ": "JWT", "alg": ALGORITHM, "kid": self.id()}), claims);
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|error| anyhow!("cannot sign a token: {error}"))?;
        Ok(format!("{message}.{}", BASE64.encode(signature)))
    }

    /// The unchecked claims of a token with the right algorithm and signature.
    pub(crate) fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Value = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.0.public_key());
        key.verify(message.as_bytes(), &BASE64.decode(signature).ok()?).ok()?;
        let claims = serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?;
        (header["alg"] == ALGORITHM).then_some(claims)
    }

    fn id(&self) -> String {
        self.coordinates().0.chars().take(ID_CHARS).collect()
    }

    /// The coordinates of the public key in base64.
    fn coordinates(&self) -> (String, String) {
        // The first of 65 bytes says that the point is not compressed.
        let (_, point) = self.0.public_key().as_ref().split_at(1);
        let (x, y) = point.split_at(point.len() / 2);
        (BASE64.encode(x), BASE64.encode(y))
    }
}

/// A token in HS256, as of an issuer that shares a secret.
#[must_use]
pub fn signed_with_secret(secret: &str, claims: &Value) -> String {
    let message = message(&json!({"typ": "JWT", "alg": "HS256"}), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("{message}.{}", BASE64.encode(signature))
}

/// The part of a token that is signed.
fn message(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64.encode(part.to_string()));
    format!("{header}.{claims}")
}

fn new_pkcs8() -> anyhow::Result<Vec<u8>> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    Ok(pkcs8.map_err(|error| anyhow!("cannot make a key: {error}"))?.as_ref().to_vec())
}

/// Writes a new key, whole or not at all. Of two stacks that start at once, the first one's key stays.
fn create(folder: &Path, file: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    // On Unix a temporary file is its owner's alone.
    let mut temporary = tempfile::Builder::new().prefix(FILE).tempfile_in(folder)?;
    temporary.write_all(&new_pkcs8()?)?;
    match temporary.persist_noclobber(file) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_folder_stays_the_same_and_another_folder_has_another_key() {
        let [folder, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let first = SigningKey::kept_in(&folder.path().join("new")).unwrap();
        let again = SigningKey::kept_in(&folder.path().join("new")).unwrap();
        let token = first.sign(&json!({"sub": "u"})).unwrap();
        assert_eq!(again.claims(&token).unwrap()["sub"], "u");
        assert_eq!(again.public_keys(), first.public_keys());
        for stranger in [SigningKey::kept_in(other.path()).unwrap(), SigningKey::random().unwrap()] {
            assert_eq!(stranger.claims(&token), None);
            assert_ne!(stranger.id(), first.id());
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        SigningKey::kept_in(folder.path()).unwrap();
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()).collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_not_a_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "no key").unwrap();
        let error = SigningKey::kept_in(folder.path()).err().unwrap().to_string();
        assert!(error.contains(FILE) && error.contains("makes a new key"), "{error}");
    }
}
