//! A key and its one algorithm. No key is ever used for another algorithm, whatever a token claims: a public
//! RSA key used as an HS256 secret would let everybody sign.

use common::issuer::JwtSecret;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Shortest modulus of an RSA key, in base64 characters: 2048 bits, as RFC 7518 wants.
const LEAST_RSA_CHARS: usize = 342;

/// A key that checks signatures.
#[derive(Clone)]
pub struct Key {
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

impl Key {
    /// The secret that the issuer shares with us.
    pub fn of_secret(secret: &JwtSecret) -> Self {
        Self { algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(secret.bytes()) }
    }

    /// The id and the key of one element of a JWKS, if it can be used: of a known kind, for signatures, and
    /// not meant for another algorithm. Other elements are ignored.
    pub fn of_jwk(jwk: &Value) -> Option<(String, Self)> {
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(key) if key.n.len() >= LEAST_RSA_CHARS => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            // `oct` above all: a secret is never published.
            _ => return None,
        };
        let common = &jwk.common;
        let meant =
            common.key_algorithm.is_none_or(|meant| Algorithm::try_from(meant).ok() == Some(algorithm))
                && common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
                && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let decoding = DecodingKey::from_jwk(&jwk).ok().filter(|_| meant)?;
        Some((jwk.common.key_id?, Self { algorithm, decoding }))
    }
}
