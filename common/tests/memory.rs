//! A body of photos is in memory once as text and once as the object read from it: allocated bytes, counted.

use common::api::{self, Anyone, Call, Endpoint, HttpEvent, Problem, Response, Route};
use common::function::Stateless;
use futures::FutureExt;
use jiff::Timestamp;
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// An endpoint that reads its body, and responds with the bytes that were allocated at once meanwhile.
#[derive(Default)]
struct Measured;

impl Stateless for Measured {
    const NAME: &'static str = "measured";
}

impl Endpoint for Measured {
    type Caller = Anyone;
    const ROUTES: &'static [Route] = &[Route::post("/")];

    async fn respond(&self, mut call: Call<'_, Anyone>) -> Result<Response, Problem> {
        let object = call.object()?;
        assert_eq!(object.len(), 2);
        api::ok(&MEMORY.peak_usage())
    }
}

#[tokio::test]
async fn a_body_is_in_memory_once_as_text_and_once_as_an_object() {
    let idle = MEMORY.current_usage() as f64;
    let body =
        json!({"face_image": "A".repeat(2_000_000), "product_images": ["B".repeat(2_000_000)]}).to_string();
    let megabytes = body.len() as f64;
    let event = json!({
        "version": "2.0", "rawPath": "/", "headers": {"content-type": "application/json"}, "body": body,
        "requestContext": {"http": {"method": "POST", "path": "/"}, "stage": "$default"},
    });
    let event: HttpEvent = serde_json::from_value(event).expect("JSON");
    drop(body);
    let before = MEMORY.current_usage() as f64;
    let event_takes = before - idle;
    MEMORY.reset_peak_usage();
    let request = api::request(event).expect("an event");
    let read = MEMORY.peak_usage() as f64;
    let response = api::handle(&Measured, request, Timestamp::now()).now_or_never().expect("no wait");
    let peak: f64 = serde_json::from_slice(response.body()).expect("a number");
    assert!((0.99..1.01).contains(&(event_takes / megabytes)), "the event takes {event_takes}");
    assert!((read - before) / megabytes < 0.01, "reading the event takes {read}");
    assert!((peak - before) / megabytes < 1.01, "the object takes {peak}");
}
