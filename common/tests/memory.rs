//! A body of photos is not copied more than it must be: what is allocated at once, counted.

use std::mem;

use common::api::{self, HttpEvent};
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn a_body_is_in_memory_once_as_text_and_once_as_what_it_says() {
    let body =
        json!({"face_image": "A".repeat(2_000_000), "product_images": ["B".repeat(2_000_000)]}).to_string();
    let megabytes = body.len() as f64;
    let event = json!({
        "version": "2.0", "rawPath": "/", "headers": {"content-type": "application/json"}, "body": body,
        "requestContext": {"http": {"method": "POST", "path": "/"}, "stage": "$default"},
    });
    let event: HttpEvent = serde_json::from_value(event).expect("JSON");
    drop(body);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut request = api::request(event).expect("an event");
    let read = MEMORY.peak_usage();
    let body = mem::take(request.body_mut());
    let object = api::object(&request, body).expect("an object");
    assert_eq!(object.len(), 2);
    let before = before as f64;
    assert!((0.99..1.01).contains(&(before / megabytes)), "the event takes {before}");
    assert!((read as f64 - before) / megabytes < 0.01, "reading it takes {read}");
    let peak = MEMORY.peak_usage();
    assert!((peak as f64 - before) / megabytes < 1.01, "and its object {peak}");
}
