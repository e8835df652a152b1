//! Forged tokens, tokens from other issuers, and expired tokens.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use common::events::EventFunction;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::issuer::{ISSUER, Issuer, asked, good, jwk, signed, signed_as, signed_in, signed_with, user};
use super::keys;

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// A token put together from its parts, without a signature of ours.
fn joined(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[tokio::test]
async fn a_token_signed_with_a_public_key_as_its_secret_is_refused() {
    let issuer = Issuer::start().await;
    let der = BASE64_STANDARD.decode(keys::RSA_PUBLIC).unwrap();
    let lines = keys::RSA_PUBLIC.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.collect::<Vec<_>>().join("\n")
    );
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(jwk("rsa")["n"].as_str().unwrap()).unwrap();
    let forms = [der, pem.trim().into(), pem.into(), jwk("rsa").to_string().into(), modulus, vec![]];
    for authorizer in [issuer.authorizer(), issuer.authorizer_with_secret()] {
        // The keys are known, so that they could be mistaken.
        assert!(user(&authorizer, &signed("rsa", &good())).await.is_some());
        for form in &forms {
            for kid in [Some("rsa"), None] {
                let forged = signed_with(form, kid, &good());
                assert_eq!(user(&authorizer, &forged).await, None);
            }
        }
    }
}

#[tokio::test]
async fn a_secret_in_the_jwks_is_ignored() {
    let issuer = Issuer::start().await;
    let published = BASE64_URL_SAFE_NO_PAD.encode("everybody can read this secret!!");
    issuer.publishes(&[json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": published})]);
    let token = signed_with(b"everybody can read this secret!!", Some("secret"), &good());
    for authorizer in [issuer.authorizer(), issuer.authorizer_with_secret()] {
        assert_eq!(user(&authorizer, &token).await, None);
    }
    assert_eq!(user(&issuer.authorizer(), &signed("secret", &good())).await, None, "no secret is set");
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer_with_secret();
    let signature = signed("rsa", &good()).rsplit('.').next().unwrap().to_owned();
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", &signature] {
            let header = json!({"alg": algorithm, "typ": "JWT", "kid": "rsa"});
            assert_eq!(user(&authorizer, &joined(&header, &good(), signature)).await, None, "{algorithm}");
        }
    }
    for algorithm in ["RS256", "ES256", "EdDSA", "HS256"] {
        for kid in ["rsa", "ec", "ed"] {
            let header = json!({"alg": algorithm, "kid": kid});
            assert_eq!(user(&authorizer, &joined(&header, &good(), "")).await, None, "{algorithm} {kid}");
        }
    }
}

#[tokio::test]
async fn a_key_is_good_for_one_algorithm() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer_with_secret();
    for (signer, named) in [("ec", "rsa"), ("rsa", "ec"), ("ed", "ec"), ("ec", "ed"), ("rsa", "ed")] {
        assert_eq!(user(&authorizer, &signed_as(signer, named, &good())).await, None, "{signer} as {named}");
    }
    for (name, algorithm) in
        [("rsa", "RS384"), ("rsa", "RS512"), ("rsa", "PS256"), ("secret", "HS384"), ("secret", "HS512")]
    {
        assert_eq!(user(&authorizer, &signed_in(algorithm, name, &good())).await, None, "{algorithm}");
    }
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer_with_secret();
    for key in ["rsa", "ec", "ed", "secret"] {
        let token = signed(key, &good());
        let other = signed(key, &with("sub", json!("user-2")));
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (token, other) = (parts(&token), parts(&other));
        let mixed = format!("{}.{}.{}", token[0], other[1], token[2]);
        assert_eq!(user(&authorizer, &mixed).await, None, "{key}");
    }
}

#[tokio::test]
async fn wrong_claims_are_refused() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    assert!(user(&authorizer, &signed("ec", &good())).await.is_some());
    let mut refused = ["iss", "aud", "sub", "exp"].map(without).to_vec();
    for (name, values) in [
        ("iss", vec![json!("https://other.test"), json!(format!("{ISSUER}/")), json!([ISSUER]), json!(1)]),
        ("aud", vec![json!("other"), json!(""), json!(1)]),
        (
            "sub",
            vec![
                json!(""),
                json!("  "),
                json!("a\nb"),
                json!("x".repeat(256)),
                json!(1),
                json!(["u"]),
                json!(null),
                json!("<nil>"),
            ],
        ),
        ("exp", vec![json!("soon"), json!(0), json!(-1), json!(true), json!(null)]),
        ("nbf", vec![json!("soon"), json!([1])]),
    ] {
        refused.extend(values.into_iter().map(|value| with(name, value)));
    }
    for claims in refused {
        assert_eq!(user(&authorizer, &signed("ec", &claims)).await, None, "{claims}");
    }
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart_and_no_more() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let now = good()["iat"].as_i64().unwrap();
    // Ten seconds are left for a slow machine.
    for (name, seconds, taken) in
        [("exp", -50, true), ("exp", -61, false), ("nbf", 60, true), ("nbf", 75, false), ("nbf", 3600, false)]
    {
        let claims = with(name, json!(now + seconds));
        assert_eq!(user(&authorizer, &signed("ec", &claims)).await.is_some(), taken, "{name} {seconds}");
    }
}

#[tokio::test]
async fn malformed_tokens_are_refused_before_any_key_is_fetched() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let long = signed("ec", &with("roles", json!("x".repeat(8 * 1024))));
    let critical = json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false});
    for header in [
        "".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic dTpw".to_owned(),
        "Bearer a.b".to_owned(),
        "Bearer a.b.c.d.e".to_owned(),
        "Bearer ñ.ñ.ñ".to_owned(),
        format!("Bearer {long}"),
        format!("Basic {}", signed("ec", &good())),
        format!("Bearer {}", joined(&critical, &good(), "AAAA")),
        format!("Bearer {}", joined(&json!({"alg": "ES256"}), &good(), "AAAA")),
        format!("Bearer {}", joined(&json!({"alg": "ES256", "kid": ""}), &good(), "AAAA")),
        format!("Bearer {}", signed_as("ec", &"k".repeat(257), &good())),
    ] {
        assert!(!asked(&authorizer, &header).await.unwrap().is_authorized, "{header}");
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn an_event_without_exactly_one_identity_is_refused() {
    let issuer = Issuer::start().await;
    let token = format!("Bearer {}", signed("ec", &good()));
    for event in [json!({}), json!({"identitySource": []}), json!({"identitySource": [token, token]})] {
        let event = serde_json::from_value(event).unwrap();
        let decision = issuer.authorizer().handle(event, Timestamp::now()).await;
        assert!(!decision.unwrap().is_authorized);
    }
}
