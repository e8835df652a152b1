//! DynamoDB, as far as the functions use it. Every user has coins and a full page of generations.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::PICTURE;

// The names of the tables.
pub const PROFILES: &str = "profiles";
pub const GENERATIONS: &str = "generations";
pub const LEDGER: &str = "ledger";

/// The balance of every user.
pub const COINS: u64 = 1_000_000;

pub(super) async fn respond(headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.unwrap_or_default().trim_start_matches("DynamoDB_20120810.");
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, response) = match (operation, request["TableName"].as_str()) {
        ("GetItem", Some(PROFILES)) => (StatusCode::OK, json!({"Item": profile(&request)})),
        ("Query", Some(GENERATIONS)) => (StatusCode::OK, page(&request)),
        ("TransactWriteItems", _) => (StatusCode::OK, json!({})),
        _ => {
            let message = format!("the bench does not know this {operation}");
            let code = "com.amazon.coral.validate#ValidationException";
            (StatusCode::BAD_REQUEST, json!({"__type": code, "message": message}))
        }
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], response.to_string()).into_response()
}

fn profile(request: &Value) -> Value {
    let coins = json!({"N": COINS.to_string()});
    json!({"user_id": request["Key"]["user_id"], "coins_balance": coins, "coins_available": coins})
}

/// As many generations as the request's limit. There are always more.
fn page(request: &Value) -> Value {
    let user = &request["ExpressionAttributeValues"][":user"];
    let limit = request["Limit"].as_u64().unwrap_or_default();
    let items: Vec<_> = (0..limit).map(|age| generation(user, age)).collect();
    let key = items.last().map(|last| {
        json!({
            "user_id": user, "generation_id": last["generation_id"], "created_at": last["created_at"]
        })
    });
    json!({"Items": items, "Count": limit, "ScannedCount": limit, "LastEvaluatedKey": key})
}

/// A succeeded generation of `user`.
fn generation(user: &Value, age: u64) -> Value {
    let prompt = "Professional fashion photography of a woman, mirror selfie with a phone, cinematic style, natural \
        daylight, eye-level camera angle, sharp focus, high detail";
    let payload = json!({
        "prompt": prompt, "num_images": 1, "num_inference_steps": 7, "image_size": "portrait_16_9"
    });
    json!({
        "user_id": user,
        "generation_id": {"S": format!("0198c5a0-0000-7000-8000-{age:012}")},
        "attempt_id": {"S": "5a1d9c3e-6f2b-4e8a-9b7c-1d2e3f4a5b6c"},
        "body_hash": {"S": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        "status": {"S": "SUCCEEDED"},
        "lease_until": {"N": "1768113390000"},
        "coins": {"N": "1"},
        "created_at": {"S": "2026-01-11T06:35:01.000Z"},
        "job": {"M": {
            "mode": {"S": "text-to-image"},
            "model": {"S": "fal-ai/flux/schnell"},
            "prompt": {"S": prompt},
            "photos": {"M": {"face": {"BOOL": false}, "products": {"N": "0"}, "background": {"BOOL": false}}},
            "dropped_inputs": {"L": []},
            "payload": {"S": payload.to_string()}
        }},
        "images": {"L": [{"S": PICTURE}, {"S": PICTURE}]},
        "remaining_coins": {"N": COINS.to_string()}
    })
}
