//! DynamoDB, as far as the functions use it. Every user has coins, a full page of generations, and a few at
//! fal's queue.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::capacity;
use super::fal::{PICTURE, REQUEST_ID};
use super::{Shared, Usage, locked};
use crate::webhooks;

// The names of the tables.
pub const PROFILES: &str = "profiles";
pub const GENERATIONS: &str = "generations";
pub const LEDGER: &str = "ledger";

/// The balance of every user.
pub const COINS: u64 = 1_000_000;

// Generations by what is to come: a picture, the other picture, a request that asks fal, and nothing.
pub const FIRST: &str = "0198c5a0-1111-7000-8000-000000000001";
pub const SECOND: &str = "0198c5a0-1111-7000-8000-000000000002";
pub const HEALED: &str = "0198c5a0-1111-7000-8000-000000000003";
pub const ENDED: &str = "0198c5a0-1111-7000-8000-000000000004";

/// The table of generations. Those above are as before after each event.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The generation that was put last.
    newest: Value,
    pub has_settled: bool,
}

impl Table {
    /// The generation with `key` of a request.
    fn find(&self, key: &Value) -> Value {
        let (user, id) = (&key["user_id"], key["generation_id"]["S"].as_str().unwrap_or_default());
        match id {
            FIRST | SECOND | HEALED if !self.has_settled => pending(user, id),
            FIRST | SECOND | HEALED | ENDED => generation(user, id),
            _ => self.newest.clone(),
        }
    }

    /// Takes in a put or an update. An update adds the values that it sets and takes away what it removes; the
    /// larger item is billed, before or after.
    fn write(&mut self, action: &Value, factor: u64, usage: &mut Usage) {
        let table = action["TableName"].as_str().unwrap_or_default();
        if table == GENERATIONS && action["Item"].is_object() {
            self.newest = action["Item"].clone();
        }
        let item = match (&action["Item"], table) {
            (Value::Null, GENERATIONS) => self.find(&action["Key"]),
            (Value::Null, _) => profile(&action["Key"]),
            (item, _) => item.clone(),
        };
        let expression = action["UpdateExpression"].as_str().unwrap_or_default();
        let (sets, removes) = expression.split_once("REMOVE ").unwrap_or((expression, ""));
        let removed: Vec<&str> = removes.split(", ").filter(|name| !name.is_empty()).collect();
        let is_put = expression.is_empty();
        let moves = match item.get("check_at") {
            Some(_) if is_put || sets.contains("check_at") => 2,
            Some(_) if removed.contains(&"check_at") => 1,
            None if is_put => 1,
            _ => 0,
        };
        let values = action["ExpressionAttributeValues"].as_object().into_iter().flatten();
        let set = values.filter(|(name, _)| sets.split([' ', ',']).any(|word| word == *name));
        let set: usize = set.map(|(name, value)| name.len() + capacity::of_value(value)).sum();
        let before = capacity::of_item(&item);
        let gone = removed.iter().filter_map(|name| Some(name.len() + capacity::of_value(item.get(name)?)));
        let after = before + set - gone.sum::<usize>();
        usage.add_write(table, before.max(after), factor, moves);
    }
}

pub(super) async fn respond(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.unwrap_or_default().trim_start_matches("DynamoDB_20120810.");
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut state = locked(&shared);
    let super::State { table, usage, .. } = &mut *state;
    usage.dynamodb += 1;
    let (mut status, key) = (StatusCode::OK, &request["Key"]);
    let response = match (operation, request["TableName"].as_str()) {
        ("GetItem", Some(PROFILES)) => json!({"Item": profile(key)}),
        ("GetItem", Some(GENERATIONS)) => json!({"Item": table.find(key)}),
        ("Query", Some(GENERATIONS)) if request["IndexName"] == "by_check_at" => {
            json!({"Items": [], "Count": 0, "ScannedCount": 0})
        }
        ("Query", Some(GENERATIONS)) => page(&request),
        ("UpdateItem", Some(GENERATIONS)) => {
            table.write(&request, 1, usage);
            json!({})
        }
        ("TransactWriteItems", _) => {
            let actions = request["TransactItems"].as_array().into_iter().flatten();
            for action in actions.filter_map(|action| action.get("Put").or_else(|| action.get("Update"))) {
                table.write(action, 2, usage);
            }
            table.has_settled = true;
            json!({})
        }
        _ => {
            status = StatusCode::BAD_REQUEST;
            let message = format!("the bench does not know this {operation}");
            let code = "com.amazon.coral.validate#ValidationException";
            json!({"__type": code, "message": message})
        }
    };
    if matches!(operation, "GetItem" | "Query") {
        let items = response["Items"].as_array().into_iter().flatten().chain(response.get("Item"));
        let sizes: Vec<usize> = items.map(capacity::of_item).collect();
        let is_consistent = request["ConsistentRead"] == true;
        usage.reads += if request["IndexName"] == "by_created_at" {
            // The keys from the index, and each item from the table.
            let fetched = sizes.iter().map(|bytes| capacity::read(*bytes, is_consistent)).sum::<f64>();
            capacity::read(sizes.len() * capacity::KEYS, is_consistent) + fetched
        } else {
            capacity::read(sizes.iter().sum(), is_consistent)
        };
    }
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], response.to_string()).into_response()
}

fn profile(key: &Value) -> Value {
    let coins = json!({"N": COINS.to_string()});
    json!({"user_id": key["user_id"], "coins_balance": coins, "coins_available": coins})
}

/// As many generations as the request's limit. There are always more.
fn page(request: &Value) -> Value {
    let user = &request["ExpressionAttributeValues"][":user"];
    let limit = request["Limit"].as_u64().unwrap_or_default();
    let items: Vec<_> =
        (0..limit).map(|age| generation(user, &format!("0198c5a0-0000-7000-8000-{age:012}"))).collect();
    let key = items.last().map(|last| {
        json!({
            "user_id": user, "generation_id": last["generation_id"], "created_at": last["created_at"]
        })
    });
    json!({"Items": items, "Count": limit, "ScannedCount": limit, "LastEvaluatedKey": key})
}

/// A generation of `user` whose jobs are in fal's queue.
fn pending(user: &Value, id: &str) -> Value {
    let job = json!({"request_id": {"S": REQUEST_ID}, "queue_position": {"N": "0"}});
    let mut jobs = [job.clone(), job];
    if id == SECOND {
        jobs[0]["url"] = json!({"S": PICTURE});
    }
    let check_at = if id == HEALED { "1768113390000" } else { "4102444800000" };
    let mut item = generation(user, id);
    for (name, value) in [
        ("status", json!({"S": "PENDING"})),
        ("lease_until", json!({"N": "4102444800000"})),
        ("check_at", json!({"N": check_at})),
        ("pending_at", json!({"S": "fal"})),
        ("token_hashes", json!({"L": [{"S": webhooks::token_hash()}, {"S": webhooks::token_hash()}]})),
        ("queued", json!({"L": jobs.map(|job| json!({"M": job}))})),
    ] {
        item[name] = value;
    }
    let attributes = item.as_object_mut().into_iter();
    attributes.for_each(|item| item.retain(|name, _| !matches!(name.as_str(), "images" | "remaining_coins")));
    item
}

/// A succeeded generation of `user`.
fn generation(user: &Value, id: &str) -> Value {
    let prompt = "Professional fashion photography of a woman, mirror selfie with a phone, cinematic style, natural \
        daylight, eye-level camera angle, sharp focus, high detail";
    let payload = json!({
        "prompt": prompt, "num_images": 1, "num_inference_steps": 7, "image_size": "portrait_16_9"
    });
    json!({
        "user_id": user,
        "generation_id": {"S": id},
        "attempt_id": {"S": "5a1d9c3e-6f2b-4e8a-9b7c-1d2e3f4a5b6c"},
        "body_hash": {"S": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"},
        "status": {"S": "SUCCEEDED"},
        "lease_until": {"N": "1768113390000"},
        "coins": {"N": "1"},
        "created_at": {"S": "2026-01-11T06:35:01.000Z"},
        "job": {"M": {
            "mode": {"S": "text-to-image"},
            "model": {"S": "fal-ai/flux/schnell"},
            "photos": {"M": {"face": {"BOOL": false}, "products": {"N": "0"}, "background": {"BOOL": false}}},
            "payload": {"S": payload.to_string()}
        }},
        "images": {"L": [{"S": PICTURE}, {"S": PICTURE}]},
        "remaining_coins": {"N": COINS.to_string()}
    })
}
