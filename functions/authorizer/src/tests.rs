//! Which tokens are accepted and when keys are fetched, with real signatures and a real JWKS server.

mod fetching;
mod issuer;
mod keys;
mod refusals;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine};
use serde_json::{Value, json};

use issuer::{Issuer, asked, good, jwk, signed, user};

#[tokio::test]
async fn a_token_of_each_algorithm_is_accepted_and_its_user_named() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer_with_secret();
    for key in ["rsa", "ec", "ed", "secret"] {
        assert_eq!(user(&authorizer, &signed(key, &good())).await.as_deref(), Some("user-1"), "{key}");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_token_signed_with_the_secret_needs_no_jwks() {
    let authorizer = issuer::authorizer("http://127.0.0.1:9/nobody-listens", Some(issuer::SECRET));
    assert_eq!(user(&authorizer, &signed("secret", &good())).await.as_deref(), Some("user-1"));
}

#[tokio::test]
async fn the_answer_is_a_simple_response() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let yes = asked(&authorizer, &format!("bearer  {}", signed("ec", &good()))).await.unwrap();
    assert_eq!(json!(yes), json!({"isAuthorized": true, "context": {"sub": "user-1"}}));
    let bare = asked(&authorizer, &signed("ec", &good())).await.unwrap();
    assert!(bare.is_authorized, "as with the built-in authorizer");
    let no = asked(&authorizer, "Bearer redacted").await.unwrap();
    assert_eq!(json!(no), json!({"isAuthorized": false}));
}

#[tokio::test]
async fn any_of_the_audiences_will_do_and_client_id_stands_in_for_a_missing_one() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let with = |audience: Value, client_id: Value| {
        let mut claims = good();
        claims["aud"] = audience;
        claims["client_id"] = client_id;
        claims.as_object_mut().unwrap().retain(|_, claim| !claim.is_null());
        claims
    };
    for (audience, client_id, taken) in [
        (json!("admin"), json!(null), true),
        (json!(["other", "app"]), json!(null), true),
        (json!(null), json!("app"), true),
        (json!("other"), json!("app"), false),
        (json!([]), json!("app"), false),
        (json!(["other"]), json!(null), false),
        (json!("app, admin"), json!(null), false),
        (json!({"app": 1}), json!("app"), false),
        (json!(null), json!(null), false),
    ] {
        let token = signed("ec", &with(audience.clone(), client_id.clone()));
        assert_eq!(user(&authorizer, &token).await.is_some(), taken, "{audience} {client_id}");
    }
}

#[tokio::test]
async fn keys_for_other_purposes_and_other_algorithms_are_ignored() {
    let with = |name: &str, member: &str, value: Value| {
        let mut jwk = jwk(name);
        jwk[member] = value;
        jwk.as_object_mut().unwrap().retain(|_, member| !member.is_null());
        jwk
    };
    let with_a_leading_zero = |number: &Value| {
        let number = BASE64.decode(number.as_str().unwrap()).unwrap();
        json!(BASE64.encode([vec![0], number].concat()))
    };
    for (jwk, key, taken) in [
        (with("ec", "alg", json!(null)), "ec", true),
        (with("ec", "use", json!(null)), "ec", true),
        (with("rsa", "n", with_a_leading_zero(&jwk("rsa")["n"])), "rsa", true),
        (with("ec", "key_ops", json!(["verify"])), "ec", true),
        (with("ec", "key_ops", json!(["sign"])), "ec", false),
        (with("ec", "use", json!("enc")), "ec", false),
        (with("ec", "alg", json!("RS256")), "ec", false),
        (with("rsa", "alg", json!("RS512")), "rsa", false),
        (with("rsa", "alg", json!("RSA-OAEP")), "rsa", false),
        (with("ec", "kid", json!(null)), "ec", false),
        (with("ec", "crv", json!("P-384")), "ec", false),
        (with("ed", "crv", json!("X25519")), "ed", false),
        (jwk("short"), "short", false),
    ] {
        let issuer = Issuer::start().await;
        // A key of an unknown kind does not hide the others.
        issuer.publishes(&[json!({"kty": "AKP", "kid": "new"}), json!("nonsense"), jwk.clone()]);
        let token = if key == "short" { keys::SHORT_RSA_TOKEN.to_owned() } else { signed(key, &good()) };
        assert_eq!(user(&issuer.authorizer(), &token).await.is_some(), taken, "{jwk}");
    }
}
