//! The routes for generations, recorded requests and files.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{SCHNELL, body, start, start_with};
use crate::models::Endpoint;

#[tokio::test]
async fn a_response_has_every_field_and_its_picture_is_served() {
    let running = start().await;
    let asked =
        json!({"prompt": "a cup", "image_size": {"width": 640, "height": 360}, "num_images": 2, "seed": 7});
    let (status, found) = running.ask(SCHNELL, asked).await;
    assert_eq!(status, 200);
    assert_eq!((&found["seed"], &found["prompt"]), (&json!(7), &json!("a cup")));
    assert_eq!(found["has_nsfw_concepts"], json!([false, false]));
    assert!(found["timings"]["inference"].is_number());
    let image = &found["images"][1];
    assert_eq!((&image["width"], &image["height"]), (&json!(640), &json!(360)));
    assert_eq!(image["content_type"], "image/jpeg");
    let url = image["url"].as_str().unwrap();
    assert!(url.ends_with(image["file_name"].as_str().unwrap()));
    // Without a key: the files are public to everyone who has the link.
    let file = running.http.get(url).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/jpeg");
    assert!(file.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let bytes = file.bytes().await.unwrap();
    assert_eq!(image["file_size"], bytes.len());
    let picture = image::load_from_memory(&bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (640, 360));
    assert_eq!(running.get(&format!("{}/files/none.jpeg", running.base)).await.status(), 404);
}

#[tokio::test]
async fn only_the_exact_key_is_accepted() {
    let running = start().await;
    let wrong = ["Bearer 3f2c:topsecret", "Key 3f2c:other", "Key 3f2c", "key 3f2c:topsecret"];
    for header in wrong.map(Some).into_iter().chain([None]) {
        let mut request =
            running.http.post(format!("{}/{SCHNELL}", running.base)).json(&json!({"prompt": "a"}));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{header:?}");
        assert!(response.json::<Value>().await.unwrap()["detail"].is_string());
    }
    let records = serde_json::to_string(&running.fal.requests()).unwrap();
    assert!(!records.contains("topsecret"));
}

#[tokio::test]
async fn an_unknown_model_is_not_found_and_a_wrong_body_is_refused_with_a_list() {
    let running = start().await;
    let (status, found) = running.ask("fal-ai/flux-1.1/image-to-image", json!({})).await;
    let detail = "Application \"fal-ai/flux-1.1/image-to-image\" not found";
    assert_eq!((status, &found["detail"]), (404, &json!(detail)));
    let (status, found) = running.ask(SCHNELL, json!({"prompt": "a", "num_inference_steps": 40})).await;
    assert_eq!(status, 422);
    assert_eq!(
        found["detail"],
        json!([{
            "loc": ["body", "num_inference_steps"],
            "msg": "Input should be less than or equal to 12",
            "type": "less_than_equal",
            "url": "https://docs.fal.ai/errors#less_than_equal",
            "ctx": {"le": 12},
            "input": 40,
        }])
    );
}

#[tokio::test]
async fn a_recorded_request_has_its_dropped_fields_and_the_number_of_running_requests() {
    let running = start().await;
    running.fal.set_latency(Duration::from_millis(300));
    let started = Instant::now();
    let asked = json!({"prompt": "a", "image_size": "square", "strength": 0.5});
    let second = running.request(SCHNELL).header("x-fal-request-timeout", "20");
    let second = second.header("x-app-fal-disable-fallback", "true").header("x-fal-store-io", "0");
    let lifetime = r#"{"expiration_duration_seconds":60}"#;
    let second = second.header("x-fal-object-lifecycle-preference", lifetime).json(&asked).send();
    let (first, second) = futures::join!(running.post(SCHNELL, asked.clone()), second);
    assert!(started.elapsed() >= Duration::from_millis(300));
    let records = running.fal.requests();
    assert_eq!(records.iter().map(|record| record.running_at_start).collect::<Vec<_>>(), [1, 2]);
    for response in [first, second.unwrap()] {
        let id = response.headers()["x-fal-request-id"].to_str().unwrap();
        let record = records.iter().find(|record| record.request_id.to_string() == id).unwrap();
        assert_eq!((record.endpoint.as_str(), record.status), (SCHNELL, Some(200)));
        assert_eq!((&record.body, record.dropped_fields.as_slice()), (&asked, &["strength".to_owned()][..]));
        assert!(record.finished_at.unwrap() > record.started_at && record.carried_authorization);
    }
    for record in records {
        let second = record.request_timeout.as_deref() == Some("20");
        assert_eq!((record.fallback_allowed, record.queued), (!second, false));
        assert_eq!(record.store_io.as_deref(), second.then_some("0"));
        assert_eq!(record.object_lifecycle.as_deref(), second.then_some(lifetime));
    }
}

#[tokio::test]
async fn a_request_ends_when_its_client_goes_away() {
    let running = start().await;
    running.fal.set_latency(Duration::from_secs(30));
    let request = running.request(SCHNELL).json(&body(Endpoint::Schnell, ""));
    request.timeout(Duration::from_millis(100)).send().await.unwrap_err();
    let ended = async {
        while running.fal.requests()[0].finished_at.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    assert_eq!(running.fal.requests()[0].status, None);
}

#[tokio::test]
async fn pictures_in_a_folder_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_with(Some(folder.path().to_owned())).await;
    let (_, found) = first.ask(SCHNELL, body(Endpoint::Schnell, "")).await;
    let name = found["images"][0]["file_name"].as_str().unwrap();
    let second = start_with(Some(folder.path().to_owned())).await;
    assert_eq!(second.get(&format!("{}/files/{name}", second.base)).await.status(), 200);
    assert_eq!(second.get(&format!("{}/files/..%2f{name}", second.base)).await.status(), 404);
}
