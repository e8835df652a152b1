//! Sign-in through the function authorizer: `AUTH_MODE=lambda`.

use aws_double::tokens;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use local_stack::settings::LocalSettings;
use reqwest::Method;
use sam_template::JwtSpec;
use serde_json::{Value, json};

use crate::harness::{Answer, Potret, Setup, a_prompt};

const SECRET: &str = "a secret that the issuer shares with us";

async fn behind_the_function() -> Potret {
    Setup::default().setting("AUTH_MODE", "lambda").start().await
}

fn claims(user: &str) -> Value {
    let settings = JwtSpec::local();
    let now = Timestamp::now().as_second();
    json!({"iss": settings.issuer, "aud": settings.audience[0], "sub": user, "exp": now + 300})
}

async fn balance_with(potret: &Potret, authorization: &str) -> Answer {
    let request = potret.http.get(potret.url("/api/coin-balance")).header("authorization", authorization);
    Answer::of(request).await
}

#[tokio::test]
async fn every_route_knows_its_user() {
    let potret = behind_the_function().await;
    let merchant = potret.user_with("merchant", 5).await;
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!((answer.status, &answer.body["remaining_coins"]), (200, &json!(4)));
    assert_eq!(merchant.last_prompt().await.status, 200);
    for path in ["/api/generations", answer.header("location").expect("a location")] {
        assert_eq!(Answer::of(merchant.request(Method::GET, path)).await.status, 200, "{path}");
    }
    assert_eq!(merchant.coins().await, (4, 4));
    assert_eq!(potret.user("another").coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn without_a_token_it_is_401_and_with_a_bad_one_403() {
    let potret = behind_the_function().await;
    let missing = Answer::of(potret.http.get(potret.url("/api/coin-balance"))).await;
    assert_eq!((missing.status, missing.body), (401, json!({"message": "Unauthorized"})));

    let mut expired = claims("merchant");
    expired["exp"] = json!(1_000_000_000);
    let mut strangers = claims("merchant");
    strangers["iss"] = json!("https://stranger.test/");
    let mut nobodys = claims("merchant");
    nobodys["sub"] = json!("");
    let forged = [expired, strangers, nobodys].map(|claims| tokens::sign(&claims).expect("a token"));
    let good = tokens::sign(&claims("merchant")).expect("a token");
    assert_eq!(balance_with(&potret, &format!("Bearer {good}")).await.status, 200);
    for token in forged.into_iter().chain([format!("{good}x"), "redacted".to_owned()]) {
        let refused = balance_with(&potret, &format!("Bearer {token}")).await;
        assert_eq!((refused.status, refused.body), (403, json!({"message": "Forbidden"})));
    }
    let anybody = Answer::of(potret.http.get(potret.url("/api/prompt-options"))).await;
    assert_eq!(anybody.status, 200);
}

#[tokio::test]
async fn a_token_of_the_shared_secret_is_taken_once_it_is_set() {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::new(Algorithm::HS256), &claims("merchant"), &key).expect("a token");
    let authorization = format!("Bearer {token}");
    assert_eq!(balance_with(&behind_the_function().await, &authorization).await.status, 403);

    let setup = Setup::default().setting("AUTH_MODE", "lambda").setting("JWT_SECRET", SECRET);
    let potret = setup.start().await;
    assert_eq!(balance_with(&potret, &authorization).await.body["user_id"], "merchant");
    assert_eq!(potret.user("merchant").coins().await, (0, 0), "public keys are taken as before");
}

#[tokio::test]
async fn an_unknown_mode_stops_the_stack() {
    let environment = |name: &str| (name == "AUTH_MODE").then(|| "basic".to_owned());
    let error = LocalSettings::read(&environment, &"http://127.0.0.1:1".parse().expect("a URL"));
    assert_eq!(error.expect_err("an error").to_string(), "AUTH_MODE must be jwt or lambda");
}
