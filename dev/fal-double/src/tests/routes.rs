//! The routes: generation, its record, files.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::models::Endpoint;
use super::{SCHNELL, body, start, start_with};

#[tokio::test]
async fn an_answer_has_every_field_and_its_picture_is_served() {
    let running = start().await;
    let asked =
        json!({"prompt": "a cup", "image_size": {"width": 640, "height": 360}, "num_images": 2, "seed": 7});
    let (status, answer) = running.answer(SCHNELL, asked).await;
    assert_eq!(status, 200);
    assert_eq!((&answer["seed"], &answer["prompt"]), (&json!(7), &json!("a cup")));
    assert_eq!(answer["has_nsfw_concepts"], json!([false, false]));
    assert!(answer["timings"]["inference"].is_number());
    let image = &answer["images"][1];
    assert_eq!((&image["width"], &image["height"]), (&json!(640), &json!(360)));
    assert_eq!(image["content_type"], "image/jpeg");
    let url = image["url"].as_str().unwrap();
    assert!(url.ends_with(image["file_name"].as_str().unwrap()));
    // No key: the files are public to whoever has the link.
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
async fn unknown_models_are_not_found_and_bad_bodies_are_refused_with_a_list() {
    let running = start().await;
    let (status, answer) = running.answer("fal-ai/flux-1.1/image-to-image", json!({})).await;
    let detail = "Application \"fal-ai/flux-1.1/image-to-image\" not found";
    assert_eq!((status, &answer["detail"]), (404, &json!(detail)));
    let (status, answer) = running.answer(SCHNELL, json!({"prompt": "a", "num_inference_steps": 40})).await;
    assert_eq!(status, 422);
    assert_eq!(
        answer["detail"],
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
async fn requests_are_recorded_with_what_was_dropped_and_what_ran_beside() {
    let running = start().await;
    running.fal.set_latency(Duration::from_millis(300));
    let started = Instant::now();
    let asked = json!({"prompt": "a", "image_size": "square", "strength": 0.5});
    let second = running.request(SCHNELL).header("x-fal-request-timeout", "20").json(&asked).send();
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
    assert!(records.iter().any(|record| record.request_timeout.as_deref() == Some("20")));
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request() {
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
    let folder = std::env::temp_dir().join(format!("fal-double-{}", uuid::Uuid::new_v4()));
    let first = start_with(Some(folder.clone())).await;
    let (_, answer) = first.answer(SCHNELL, body(Endpoint::Schnell, "")).await;
    let name = answer["images"][0]["file_name"].as_str().unwrap();
    let second = start_with(Some(folder.clone())).await;
    assert_eq!(second.get(&format!("{}/files/{name}", second.base)).await.status(), 200);
    assert_eq!(second.get(&format!("{}/files/..%2f{name}", second.base)).await.status(), 404);
    std::fs::remove_dir_all(folder).unwrap();
}
