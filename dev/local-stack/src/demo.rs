//! The demo users of a local stack, made by the functions themselves.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::stack::Stack;
use sam_template::place::ACCOUNT_ID;

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

/// Makes both demo users, once however often it is asked. The returning one's batch is made by the double only,
/// because another fal may cost money.
///
/// # Errors
///
/// When add-coins fails.
pub async fn prepare(stack: &Stack) -> anyhow::Result<()> {
    credit(stack, USER).await?;
    credit(stack, RETURNING_USER).await?;
    if let Some(fal) = &stack.fal {
        let request = event(RETURNING_USER, "POST", "/api/generate-image", REQUEST);
        let generated = fal.without_delay(invoke(stack, "generate-image", &request)).await?;
        if generated["statusCode"] != 200 {
            tracing::warn!(user = RETURNING_USER, answer = %generated["body"], "the demo user could not generate");
        }
    }
    Ok(())
}

/// What `user` can spend.
///
/// # Errors
///
/// When coin-balance fails.
pub async fn coins_available(stack: &Stack, user: &str) -> anyhow::Result<u64> {
    let answer = invoke(stack, "coin-balance", &event(user, "GET", "/api/coin-balance", "")).await?;
    let balance: Value = serde_json::from_str(answer["body"].as_str().context("an answer without a body")?)?;
    balance["coins_available"].as_u64().with_context(|| format!("coin-balance answered {balance}"))
}

async fn credit(stack: &Stack, user: &str) -> anyhow::Result<()> {
    let event = json!({"user_id": user, "coins": COINS, "reference": format!("demo-coins-of-{user}")});
    invoke(stack, "add-coins", &event).await.map(drop)
}

/// A request as API Gateway hands it to a function.
fn event(user: &str, method: &str, path: &str, body: &str) -> Value {
    let route_key = format!("{method} {path}");
    let http = json!({
        "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "cargo dev"
    });
    json!({
        "version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json", "idempotency-key": "demo"},
        "requestContext": {
            "accountId": ACCOUNT_ID, "apiId": "local", "domainName": "127.0.0.1", "domainPrefix": "127",
            "requestId": "demo", "routeKey": route_key, "stage": "$default", "time": "", "timeEpoch": 0,
            "http": http, "authorizer": {"jwt": {"claims": {"sub": user}, "scopes": null}},
        },
        "body": body, "isBase64Encoded": false,
    })
}

async fn invoke(stack: &Stack, function: &str, event: &Value) -> anyhow::Result<Value> {
    let invocation = stack.lambda.invoke(function, Bytes::from(event.to_string())).await?;
    match invocation.outcome {
        Ok(answer) => Ok(serde_json::from_slice(&answer)?),
        Err(error) => bail!("{function} failed: {}: {}", error.error_type, error.error_message),
    }
}
