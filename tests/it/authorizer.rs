//! Sign-in through the function authorizer: `AUTH_MODE=lambda`.

use aws_double::tokens::signed_with_secret;
use jiff::Timestamp;
use sam_template::JwtSpec;
use serde_json::{Value, json};

use crate::harness::{A_PROMPT, Potret, Response, Setup};

const SECRET: &str = "a secret that the issuer shares with us";

fn with_the_authorizer() -> Setup {
    Setup::default().setting("AUTH_MODE", "lambda")
}

fn claims(user: &str) -> Value {
    let settings = JwtSpec::local();
    let now = Timestamp::now().as_second();
    json!({"iss": settings.issuer, "aud": settings.audience[0], "sub": user, "exp": now + 300})
}

async fn balance_with(potret: &Potret, token: &str) -> Response {
    Response::to(potret.http.get(potret.url("/api/coin-balance")).bearer_auth(token)).await
}

#[tokio::test]
async fn every_route_knows_its_user() {
    let (potret, merchant) = with_the_authorizer().with_merchant(5).await;
    let response = merchant.generate(&A_PROMPT).await;
    assert_eq!((response.status, &response.body["remaining_coins"]), (200, &json!(4)));
    let location = response.header("location").expect("a location");
    for path in ["/api/debug/last-prompt", "/api/generations", location] {
        assert_eq!(merchant.get(path).await.status, 200, "{path}");
    }
    assert_eq!(potret.user("another").coins().await, (0, 0));
    potret.audit_with(&merchant, (4, 4)).await;
}

#[tokio::test]
async fn a_missing_token_is_401_and_an_invalid_token_403() {
    let potret = with_the_authorizer().start().await;
    let missing = potret.get("/api/coin-balance").await;
    assert_eq!((missing.status, missing.body), (401, json!({"message": "Unauthorized"})));

    let good = potret.stack.key.sign(&claims("merchant")).expect("a token");
    assert_eq!(balance_with(&potret, &good).await.status, 200);
    let without_user = potret.stack.key.sign(&claims("")).expect("a token");
    for token in [&without_user, &format!("{good}x"), "redacted"] {
        let refused = balance_with(&potret, token).await;
        assert_eq!((refused.status, refused.body), (403, json!({"message": "Forbidden"})));
    }
    assert_eq!(potret.get("/api/prompt-options").await.status, 200, "a route for anybody");
}

/// API Gateway hands every claim on as text, and a null as `<nil>`: several people would share one purse.
#[tokio::test]
async fn a_token_whose_sub_is_no_text_is_refused_in_both_modes() {
    for (setup, status) in [(Setup::default(), 401), (with_the_authorizer(), 403)] {
        let potret = setup.start().await;
        for sub in [json!(null), json!(1_234_567), json!(["u"]), json!({"u": 1}), json!(true), json!("<nil>")]
        {
            let mut claims = claims("merchant");
            claims["sub"] = sub.clone();
            let token = potret.stack.key.sign(&claims).expect("a token");
            assert_eq!(balance_with(&potret, &token).await.status, status, "{sub}");
        }
        let good = potret.stack.key.sign(&claims("1234567")).expect("a token");
        assert_eq!(balance_with(&potret, &good).await.body["user_id"], "1234567", "digits are a text");
    }
}

#[tokio::test]
async fn a_token_signed_with_the_shared_secret_is_accepted_once_the_secret_is_set() {
    let token = signed_with_secret(SECRET, &claims("merchant"));
    let without_secret = with_the_authorizer().start().await;
    assert_eq!(balance_with(&without_secret, &token).await.status, 403);

    let potret = with_the_authorizer().setting("JWT_SECRET", SECRET).start().await;
    assert_eq!(balance_with(&potret, &token).await.body["user_id"], "merchant");
    assert_eq!(potret.user("merchant").coins().await, (0, 0), "public keys are accepted as before");
}
