//! DynamoDB, as far as the functions use it: everybody has coins, whoever lists sees a full page, and a generation
//! that was written is known again, so that a replay is a real one.

use std::collections::BTreeMap;

use http::request::Parts;
use serde_json::{Map, Value, json};

use crate::server::{self, Answer};

/// The names of the tables.
pub const PROFILES: &str = "profiles";
/// See [`PROFILES`].
pub const GENERATIONS: &str = "generations";
/// See [`PROFILES`].
pub const LEDGER: &str = "ledger";

/// What everybody has.
pub const COINS: u64 = 1_000_000;

/// How many generations everybody has had made. More than a page.
const GENERATIONS_OF_A_USER: u64 = 10_000;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What was written: the generations by their ids.
#[derive(Debug, Default)]
pub(super) struct Tables {
    generations: BTreeMap<String, Map<String, Value>>,
}

/// The operation that a request names.
pub(super) fn operation(head: &Parts) -> String {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.trim_start_matches("DynamoDB_20120810.").to_owned()
}

impl Tables {
    /// Answers `request`.
    pub fn answer(&mut self, operation: &str, request: &Value) -> Answer {
        let (status, answer) = match (operation, request["TableName"].as_str()) {
            ("GetItem", Some(PROFILES)) => (200, json!({"Item": profile(request)})),
            ("Query", Some(GENERATIONS)) => (200, page(request)),
            ("TransactWriteItems", _) => self.transact(request),
            _ => (
                400,
                json!({"__type": "com.amazon.coral.validate#ValidationException",
                "message": format!("the bench does not know this {operation}")}),
            ),
        };
        server::answer(status, CONTENT_TYPE, answer.to_string())
    }

    fn transact(&mut self, request: &Value) -> (u16, Value) {
        let actions = request["TransactItems"].as_array().map_or(&[][..], Vec::as_slice);
        for action in actions {
            let (put, update) = (&action["Put"], &action["Update"]);
            if put["TableName"] == GENERATIONS {
                let id = text(&put["Item"]["generation_id"]);
                if let Some(earlier) = self.generations.get(&id) {
                    return (400, refusal(earlier, actions.len()));
                }
                self.generations.insert(id, put["Item"].as_object().cloned().unwrap_or_default());
            }
            if update["TableName"] == GENERATIONS
                && let Some(generation) = self.generations.get_mut(&text(&update["Key"]["generation_id"]))
            {
                let new = &update["ExpressionAttributeValues"];
                for (name, value) in
                    [("status", ":status"), ("images", ":images"), ("remaining_coins", ":remaining")]
                {
                    generation.insert(name.to_owned(), new[value].clone());
                }
            }
        }
        (200, json!({}))
    }
}

fn text(attribute: &Value) -> String {
    attribute["S"].as_str().unwrap_or_default().to_owned()
}

fn profile(request: &Value) -> Value {
    let coins = COINS.to_string();
    json!({"user_id": request["Key"]["user_id"], "coins_balance": {"N": coins}, "coins_available": {"N": coins}})
}

/// The first action's condition did not hold.
fn refusal(earlier: &Map<String, Value>, actions: usize) -> Value {
    let mut reasons = vec![json!({"Code": "None"}); actions];
    reasons[0] = json!({
        "Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": earlier
    });
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons \
            [ConditionalCheckFailed, None]",
        "CancellationReasons": reasons
    })
}

/// As many generations as are asked for.
fn page(request: &Value) -> Value {
    let limit = request["Limit"].as_u64().unwrap_or(GENERATIONS_OF_A_USER).min(GENERATIONS_OF_A_USER);
    let user = &request["ExpressionAttributeValues"][":user"];
    let items: Vec<_> = (0..limit).map(|age| generation(user, age)).collect();
    let last = &items[items.len() - 1];
    let key = json!({
        "user_id": user, "generation_id": last["generation_id"], "created_at": last["created_at"]
    });
    json!({"Items": items, "Count": limit, "ScannedCount": limit, "LastEvaluatedKey": key})
}

/// A delivered generation, one of `user`'s.
fn generation(user: &Value, age: u64) -> Value {
    let prompt = "Professional fashion photography of a woman, mirror selfie with a phone, cinematic style, natural \
        daylight, eye-level camera angle, sharp focus, high detail";
    let payload = json!({
        "prompt": prompt, "num_images": 1, "num_inference_steps": 7, "image_size": "portrait_16_9"
    });
    let image = json!({"S": "https://v3.fal.media/files/penguin/WXy3MYxHUZ4ZJwl2Zg3oQ_0b6e8f2d7c9a4f1e8d3b5a7c9e1f2d4b.jpg"});
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
        "images": {"L": [image, image]},
        "remaining_coins": {"N": COINS.to_string()}
    })
}
