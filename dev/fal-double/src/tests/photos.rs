//! The photos of a request: fetched, remembered, turned upright, and refused.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use serde_json::json;

use super::{EDIT, GENERAL, body, data_uri, photo, start};
use crate::models::Endpoint;
use crate::photos::Photos;
use crate::sizes::Size;

#[tokio::test]
async fn the_picture_has_the_size_of_the_fetched_photo() {
    let running = start().await;
    let cases = [("photo.png", 512, 683), ("mislabelled", 1024, 512), ("hops/3", 512, 683)];
    for (path, width, height) in cases {
        let (status, found) = running.ask(GENERAL, body(Endpoint::General, &running.photo_url(path))).await;
        assert_eq!(status, 200, "{path} {found}");
        let image = &found["images"][0];
        assert_eq!((&image["width"], &image["height"]), (&json!(width), &json!(height)), "{path}");
        assert_eq!(image["content_type"], "image/png");
    }
    let uri = data_uri(&photo(700, 600, [1, 2, 3]));
    let asked = json!({"prompt": "a", "image_urls": [uri], "output_format": "webp", "sync_mode": true});
    let (status, found) = running.ask(EDIT, asked).await;
    let image = &found["images"][0];
    assert_eq!((status, &image["width"]), (200, &json!(700)));
    assert!(image["url"].as_str().unwrap().starts_with("data:image/webp;base64,"));
}

#[tokio::test]
async fn a_refusal_names_the_photo_that_cannot_be_used() {
    let running = start().await;
    let good = running.photo_url("photo.png");
    let cases = [
        (running.photo_url("nothing.png"), "file_download_error"),
        (running.photo_url("hops/9"), "file_download_error"),
        ("http://127.0.0.1:1/closed.png".to_owned(), "file_download_error"),
        (running.photo_url("broken.png"), "image_load_error"),
        ("data:image/png;base64,!!!".to_owned(), "image_load_error"),
        (format!("data:image/png;base64,{}", "A".repeat(15 << 20)), "file_too_large"),
    ];
    for (bad, kind) in cases {
        let (status, found) = running.ask(EDIT, json!({"prompt": "a", "image_urls": [good, bad]})).await;
        let entry = &found["detail"][0];
        assert_eq!((status, &entry["type"]), (422, &json!(kind)));
        assert_eq!(entry["loc"], json!(["body", "image_urls", 1]));
        assert_eq!(entry["input"], json!(bad));
    }
}

#[tokio::test]
async fn a_photo_is_remembered_by_its_exact_url() {
    let running = start().await;
    let url = running.photo_url("once.png");
    assert_eq!(running.ask(GENERAL, body(Endpoint::General, &url)).await.0, 200);
    assert_eq!(running.ask(GENERAL, body(Endpoint::General, &url)).await.0, 200);
    assert_eq!(running.ask(GENERAL, body(Endpoint::General, &format!("{url}?2"))).await.0, 422);
}

#[tokio::test]
async fn a_photo_is_turned_upright() {
    // TIFF with one entry: orientation (0x0112), a short, count 1, value 6: turn by 90 degrees.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new(&mut file);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(&[0; 60 * 30 * 3], 60, 30, ExtendedColorType::Rgb8).unwrap();
    let photo = Photos::new().fetch(&data_uri(&file)).await.unwrap();
    assert_eq!(photo.size, Size { width: 30, height: 60 });
    assert_eq!((photo.preview.width(), photo.preview.height()), (30, 60));
}
