//! The bearer tokens of the local stack: JWTs signed with a public key pair.
//!
//! `cargo dev token USER` and the running gateway are two processes that share the key. The function authorizer
//! gets its public half from [`jwks`]. No deployed API accepts these tokens.

use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};

use sam_template::JwtSpec;

/// The private key in PKCS #8. It protects only made-up data on the developer's machine.
pub const DEVELOPMENT_ONLY_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguRD43plrbraquCZkgXox9GJb49e3\
    9/W8YqhR8HWMPGShRANCAAQj+Rng7CApKD4rwUF3v1tt6uhYCNi7c022bkHHtjaPoHL+fFTEEC+o5mOsuPNHvLvxy01NAeREkZERD3FkYhbE";

const KEY_ID: &str = "potret-local-development-only";

/// The only accepted algorithm.
const ALGORITHM: Algorithm = Algorithm::ES256;

static SIGNING: LazyLock<EncodingKey> = LazyLock::new(|| {
    EncodingKey::from_ec_der(&BASE64_STANDARD.decode(DEVELOPMENT_ONLY_KEY).expect("the constant is base64"))
});

static PUBLIC: LazyLock<Jwk> = LazyLock::new(|| {
    let mut key = Jwk::from_encoding_key(&SIGNING, ALGORITHM).expect("the constant is a P-256 key");
    key.common.key_id = Some(KEY_ID.to_owned());
    key.common.public_key_use = Some(PublicKeyUse::Signature);
    key
});

/// A token cannot be signed, or its signature is wrong.
pub type TokenError = jsonwebtoken::errors::Error;

/// The public key as issuers publish theirs.
pub fn jwks() -> JwkSet {
    JwkSet { keys: vec![PUBLIC.clone()] }
}

/// A token for a user, valid from now for so many seconds.
pub fn issue(user: &str, settings: &JwtSpec, seconds: u32) -> Result<String, TokenError> {
    let now = Timestamp::now().as_second();
    sign(&json!({
        "iss": settings.issuer,
        "aud": settings.audience.first(),
        "sub": user,
        "iat": now,
        "exp": now + i64::from(seconds),
    }))
}

/// A token with any claims, such as a gateway must refuse.
pub fn sign(claims: &Value) -> Result<String, TokenError> {
    let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(ALGORITHM) };
    jsonwebtoken::encode(&header, claims, &SIGNING)
}

/// The unchecked claims of a token with the right algorithm and signature.
pub(crate) fn claims(token: &str) -> Result<Map<String, Value>, TokenError> {
    let mut signature_only = Validation::new(ALGORITHM);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;

    let key = DecodingKey::from_jwk(&PUBLIC)?;
    Ok(jsonwebtoken::decode(token, &key, &signature_only)?.claims)
}
