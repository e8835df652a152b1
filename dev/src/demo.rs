//! The demo users of a local stack, made by the functions themselves.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::stack::Stack;

/// Has [`COINS`] coins and nothing else.
pub const USER: &str = "demo";

/// Had as many, and has generated once.
pub const RETURNING_USER: &str = "demo-returning";

/// What every demo user starts with.
pub const COINS: u64 = 10;

/// How long a demo token is good for.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A request that needs nothing but a coin.
pub const REQUEST: &str = r#"{"options":{"model_type":"Wanita","category":"Fashion","pose":"Mirror selfie menggunakan iPhone","style":"Cinematic","lighting":"Natural Daylight","aspect_ratio":"9:16"}}"#;

/// Makes both demo users, for a single event on a fresh stack.
///
/// # Errors
///
/// When a function fails or refuses.
pub async fn prepare(stack: &Stack) -> anyhow::Result<()> {
    credit(stack, USER).await?;
    credit(stack, RETURNING_USER).await?;
    generate(stack, RETURNING_USER).await
}

/// Gives `user` the demo coins, once however often it is asked. Answers the balance after that.
///
/// # Errors
///
/// When add-coins fails.
pub async fn credit(stack: &Stack, user: &str) -> anyhow::Result<u64> {
    let event = json!({"user_id": user, "coins": COINS, "reference": format!("demo-coins-of-{user}")});
    let answer = invoke(stack, "add-coins", &event).await?;
    answer["coins_balance"].as_u64().context("add-coins answered no balance")
}

/// Has `user` make one batch from text.
async fn generate(stack: &Stack, user: &str) -> anyhow::Result<()> {
    let event = json!({
        "version": "2.0", "routeKey": "POST /api/generate-image", "rawPath": "/api/generate-image",
        "rawQueryString": "", "headers": {"content-type": "application/json"},
        "requestContext": {
            "accountId": "", "apiId": "", "domainName": "127.0.0.1", "domainPrefix": "", "requestId": "",
            "routeKey": "POST /api/generate-image", "stage": "$default", "time": "", "timeEpoch": 0,
            "http": {"method": "POST", "path": "/api/generate-image", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
            "authorizer": {"jwt": {"claims": {"sub": user}, "scopes": null}},
        },
        "body": REQUEST, "isBase64Encoded": false,
    });
    let answer = invoke(stack, "generate-image", &event).await?;
    match answer["statusCode"].as_u64() {
        Some(200) => Ok(()),
        _ => bail!("generate-image answered {}", answer["body"]),
    }
}

async fn invoke(stack: &Stack, function: &str, event: &Value) -> anyhow::Result<Value> {
    let invocation = stack.lambda.invoke(function, Bytes::from(event.to_string())).await?;
    match invocation.outcome {
        Ok(answer) => Ok(serde_json::from_slice(&answer)?),
        Err(error) => bail!("{function} failed: {}: {}", error.error_type, error.error_message),
    }
}
