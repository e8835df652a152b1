//! A request's way to the point where it would run, photos included: `cargo bench -p bench --bench requests`.
//!
//! Each body tries to set what is locked, so it is read, decoded and checked to its end, and then refused
//! before anything is called.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::net::{self, Trust};
use common::{api, function};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use generate_image::GenerateImage;
use jiff::Timestamp;
use lambda_http::{Body, Request, request};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// The settings that have no default.
fn setting(name: &str) -> Option<String> {
    let value = match name {
        "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "bench",
        "AWS_ENDPOINT_URL" => "http://127.0.0.1:9",
        "FAL_KEY" => "bench-id:bench-secret",
        "PROFILES_TABLE" | "GENERATIONS_TABLE" | "LEDGER_TABLE" | "UPLOADS_BUCKET" => "bench",
        _ => return None,
    };
    Some(value.to_owned())
}

fn function(runtime: &Runtime) -> GenerateImage {
    runtime.block_on(function::connect(&setting, net::client(Trust::MozillaThenSystem))).expect("settings")
}

/// An event whose photos have `photo_bytes` bytes each, four of them.
fn event(photo_bytes: usize) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/generate-image/image-to-image.json");
    let text = std::fs::read_to_string(path).expect("the fixture");
    let mut event: Value = serde_json::from_str(&text).expect("JSON");
    let mut photo = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".to_vec();
    photo.extend(b"\xff\xc0\x00\x11\x08\x06\x00\x08\x00\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01");
    photo.resize(photo_bytes, 0x5a);
    let photo = format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(photo));
    let products = vec![photo.as_str(); 3];
    let body = json!({"prompt": "a bag", "face_image": photo, "product_images": products, "model": "locked"});
    event["body"] = body.to_string().into();
    event.to_string()
}

fn parsed(event: &str) -> Request {
    request::from_str(event).expect("an event")
}

#[divan::bench(args = [50_000, 806_000])]
fn an_event_with_four_photos_is_parsed(bencher: Bencher, photo_bytes: usize) {
    let event = event(photo_bytes);
    bencher.counter(BytesCount::new(event.len())).bench(|| parsed(black_box(&event)));
}

#[divan::bench(args = [50_000, 806_000])]
fn a_request_with_four_photos_is_checked(bencher: Bencher, photo_bytes: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let (event, function) = (event(photo_bytes), function(&runtime));
    let refused = runtime.block_on(api::handle(&function, parsed(&event), Timestamp::now()));
    let Body::Text(why) = refused.body() else { panic!("a text expected") };
    assert!(why.contains("/model") && !why.contains("_image"), "only for what is locked: {why}");
    bencher
        .counter(BytesCount::new(event.len()))
        .with_inputs(|| parsed(&event))
        .bench_values(|request| runtime.block_on(api::handle(&function, request, Timestamp::now())));
}
