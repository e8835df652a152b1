//! The data of the demo users, made by the functions themselves.

use anyhow::{Context, bail};
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::stack::Stack;
use crate::users::{COINS, RETURNING_USER, USER};

/// A request without a photo.
pub const REQUEST: &str = r#"{"options":{"model_type":"Wanita","category":"Fashion","pose":"Mirror selfie menggunakan iPhone","style":"Cinematic","lighting":"Natural Daylight","aspect_ratio":"9:16"}}"#;

/// Gives both demo users their coins, and the returning one a batch. Later calls change nothing. Only the fal
/// double makes the batch, because another fal may cost money.
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
            let response = &generated["body"];
            tracing::warn!(user = RETURNING_USER, %response, "the demo user could not generate");
        }
    }
    Ok(())
}

/// The coins that `user` can spend.
///
/// # Errors
///
/// When coin-balance fails.
pub async fn coins_available(stack: &Stack, user: &str) -> anyhow::Result<u64> {
    let response = invoke(stack, "coin-balance", &event(user, "GET", "/api/coin-balance", "")).await?;
    let body: Value = serde_json::from_str(response["body"].as_str().context("a response without a body")?)?;
    body["coins_available"].as_u64().with_context(|| format!("coin-balance returned {body}"))
}

async fn credit(stack: &Stack, user: &str) -> anyhow::Result<()> {
    let event = json!({"user_id": user, "coins": COINS, "reference": format!("demo-coins-of-{user}")});
    invoke(stack, "add-coins", &event).await.map(drop)
}

/// What a function reads of an event of API Gateway.
fn event(user: &str, method: &str, path: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": path, "headers": {"content-type": "application/json", "idempotency-key": "demo"},
        "requestContext": {
            "http": {"method": method, "path": path},
            "authorizer": {"jwt": {"claims": {"sub": user}, "scopes": null}},
        },
        "body": body, "isBase64Encoded": false,
    })
}

async fn invoke(stack: &Stack, function: &str, event: &Value) -> anyhow::Result<Value> {
    let invocation = stack.lambda.invoke(function, Bytes::from(event.to_string())).await?;
    match invocation.outcome {
        Ok(response) => Ok(serde_json::from_slice(&response)?),
        Err(error) => bail!("{function} failed: {}: {}", error.error_type, error.error_message),
    }
}
