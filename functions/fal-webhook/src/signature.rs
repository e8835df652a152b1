//! fal's signature of a webhook: ED25519 over the request's id, fal's user, the time and a hash of the body.
//!
//! <https://docs.fal.ai/model-endpoints/webhooks>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use common::api::{Anyone, Call, Problem};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How far fal's clock and ours may be apart, in seconds, a webhook's way included.
const TOLERANCE_SECONDS: u64 = 300;

/// One of fal's public keys.
#[derive(Clone)]
pub struct FalPublicKey(Vec<u8>);

impl FalPublicKey {
    /// Reads an element of fal's key set: `kty` OKP, `crv` Ed25519, and the key as `x`.
    pub fn of_jwk(jwk: &Value) -> Option<Self> {
        let is_ed25519 = jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519";
        let key = BASE64_URL_SAFE_NO_PAD.decode(jwk["x"].as_str()?.trim_end_matches('=')).ok()?;
        (is_ed25519 && key.len() == 32).then_some(Self(key))
    }
}

/// A webhook's claim to be fal's: what was signed, and the signature.
pub struct Signed {
    message: String,
    signature: Vec<u8>,
    /// Seconds since 1970.
    signed_at: u64,
    /// Whose job the webhook is about, at fal.
    pub user_id: String,
}

impl Signed {
    /// Reads the four headers; nothing if one is missing or unreadable.
    pub fn of(call: &Call<'_, Anyone>) -> Result<Option<Self>, Problem> {
        let header = |name: &str| call.header(&format!("x-fal-webhook-{name}"));
        let (Some(request_id), Some(user_id), Some(timestamp), Some(signature)) =
            (header("request-id")?, header("user-id")?, header("timestamp")?, header("signature")?)
        else {
            return Ok(None);
        };
        Ok(Self::read(request_id, user_id, timestamp, signature, call.bytes()))
    }

    fn read(request_id: &str, user_id: &str, timestamp: &str, signature: &str, body: &[u8]) -> Option<Self> {
        let body = hex::encode(Sha256::digest(body));
        Some(Self {
            message: format!("{request_id}\n{user_id}\n{timestamp}\n{body}"),
            signature: hex::decode(signature).ok()?,
            signed_at: timestamp.parse().ok()?,
            user_id: user_id.to_owned(),
        })
    }

    pub fn is_by(&self, key: &FalPublicKey) -> bool {
        UnparsedPublicKey::new(&ED25519, &key.0).verify(self.message.as_bytes(), &self.signature).is_ok()
    }

    /// Whether it was signed about `now`. fal does not promise to sign a repeat anew.
    pub fn is_fresh(&self, now: jiff::Timestamp) -> bool {
        u64::try_from(now.as_second()).is_ok_and(|now| now.abs_diff(self.signed_at) <= TOLERANCE_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    fn key_pair() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
    }

    fn signed(parts: [&str; 3], body: &[u8]) -> String {
        let body = hex::encode(Sha256::digest(body));
        hex::encode(key_pair().sign(format!("{}\n{body}", parts.join("\n")).as_bytes()))
    }

    fn public() -> FalPublicKey {
        let x = BASE64_URL_SAFE_NO_PAD.encode(key_pair().public_key());
        FalPublicKey::of_jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": x})).expect("a key")
    }

    #[test]
    fn every_part_of_a_webhook_is_signed() {
        let signature = signed(["r", "u", "1000"], b"{}");
        let is_fals = |request: &str, user: &str, time: &str, body: &[u8]| {
            Signed::read(request, user, time, &signature, body).is_some_and(|signed| signed.is_by(&public()))
        };
        assert!(is_fals("r", "u", "1000", b"{}"));
        assert!(!is_fals("R", "u", "1000", b"{}"), "another request");
        assert!(!is_fals("r", "U", "1000", b"{}"), "another account");
        assert!(!is_fals("r", "u", "1001", b"{}"), "another time");
        assert!(!is_fals("r", "u", "1000", b"{ }"), "another body");
        assert!(Signed::read("r", "u", "now", &signature, b"{}").is_none());
        assert!(Signed::read("r", "u", "1000", "not hex", b"{}").is_none());
    }

    #[test]
    fn five_minutes_decide_whether_a_signature_is_fresh() {
        let signed = Signed::read("r", "u", "1000", "00", b"").expect("readable");
        let at = |second| signed.is_fresh(Timestamp::from_second(second).expect("in range"));
        assert_eq!([699, 700, 1_300, 1_301].map(at), [false, true, true, false]);
    }

    #[test]
    fn only_ed25519_keys_are_read() {
        let x = BASE64_URL_SAFE_NO_PAD.encode([1; 32]);
        for jwk in [
            json!({"kty": "EC", "crv": "Ed25519", "x": x}),
            json!({"kty": "OKP", "crv": "X25519", "x": x}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ"}),
            json!({"kty": "OKP", "crv": "Ed25519"}),
        ] {
            assert!(FalPublicKey::of_jwk(&jwk).is_none(), "{jwk}");
        }
    }
}
