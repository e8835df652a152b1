//! A generation as DynamoDB keeps it, to and fro: `cargo bench -p bench --bench items`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use common::generations::Generation;
use divan::{Bencher, black_box};
use serde_json::json;

fn main() {
    divan::main();
}

fn generation() -> Generation {
    let prompt =
        "Professional fashion photography of a woman, mirror selfie, cinematic style, natural daylight";
    let payload =
        json!({"prompt": prompt, "num_images": 1, "num_inference_steps": 7, "image_size": "portrait_16_9"});
    let url = "https://v3.fal.media/files/penguin/WXy3MYxHUZ4ZJwl2Zg3oQ_0b6e8f2d7c9a4f1e8d3b5a7c9e1f2d4b.jpg";
    let generation = json!({
        "user_id": "auth0|65f1c2d3e4b5a69788990011",
        "generation_id": "0198c5a0-0000-7000-8000-000000000001",
        "attempt_id": "5a1d9c3e-6f2b-4e8a-9b7c-1d2e3f4a5b6c",
        "body_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "status": "SUCCEEDED",
        "lease_until": 1_768_113_390_000_i64,
        "coins": 1,
        "created_at": "2026-01-11T06:35:01.000000Z",
        "job": {
            "mode": "text-to-image", "model": "fal-ai/flux/schnell", "prompt": prompt,
            "photos": {"face": false, "products": 0, "background": false},
            "dropped_inputs": [], "payload": payload.to_string()
        },
        "images": [url, url],
        "remaining_coins": 41
    });
    serde_json::from_value(generation).expect("a generation")
}

fn item() -> HashMap<String, AttributeValue> {
    serde_dynamo::to_item(generation()).expect("an item")
}

#[divan::bench]
fn a_generation_becomes_an_item(bencher: Bencher) {
    let generation = generation();
    bencher.bench(|| -> HashMap<String, AttributeValue> {
        serde_dynamo::to_item(black_box(&generation)).expect("an item")
    });
}

#[divan::bench]
fn an_item_becomes_a_generation(bencher: Bencher) {
    bencher
        .with_inputs(item)
        .bench_values(|item| -> Generation { serde_dynamo::from_item(item).expect("a generation") });
}

#[divan::bench]
fn a_page_of_100_becomes_generations(bencher: Bencher) {
    bencher
        .with_inputs(|| vec![item(); 100])
        .bench_values(|items| -> Vec<Generation> { serde_dynamo::from_items(items).expect("generations") });
}
