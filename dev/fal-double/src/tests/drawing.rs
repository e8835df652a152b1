//! The pictures: exact size, real files, and everything that was asked for changes what is seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::ImageFormat;
use serde_json::{Value, json};

use super::super::drawing::{Picture, black, draw};
use super::super::lettering;
use super::super::models::{Endpoint, Format};
use super::super::photos::{Photo, Photos};
use super::super::sizes::Size;
use super::super::validation::check;

const LONG: &str = "A Woman model, for Fashion, in Mirror selfie using iPhone pose, in Cinematic style, with \
                    Natural Daylight lighting, shot from Eye-Level angle, in 9:16 aspect ratio, \
                    photorealistic resolusi HD";

async fn photo(width: u32, height: u32) -> Arc<Photo> {
    use base64::Engine as _;
    let encoded =
        base64::engine::general_purpose::STANDARD.encode(super::photo(width, height, [20, 20, 200]));
    Photos::new().fetch(&format!("data:image/png;base64,{encoded}")).await.ok().unwrap()
}

fn drawn(changes: Value, (width, height): (u32, u32), seed: u64, photos: &[Arc<Photo>]) -> Vec<u8> {
    let mut body = super::body(Endpoint::General, "https://example.com/a.png");
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let job = check(Endpoint::General, body.to_string().as_bytes()).job.unwrap();
    let picture = Picture { job: &job, size: Size { width, height }, seed, photos };
    draw(&picture).encode(Format::Png).unwrap()
}

#[test]
fn every_format_decodes_to_the_asked_size() {
    let canvas = black(Size { width: 300, height: 200 });
    let formats = [
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::Png, ImageFormat::Png),
        (Format::Webp, ImageFormat::WebP),
    ];
    for (format, expected) in formats {
        let file = canvas.encode(format).unwrap();
        assert_eq!(image::guess_format(&file).unwrap(), expected);
        let decoded = image::load_from_memory(&file).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (300, 200));
    }
}

#[tokio::test]
async fn what_was_asked_for_changes_the_picture() {
    let photos = [photo(300, 400).await, photo(400, 300).await];
    let plain = drawn(json!({}), (512, 512), 1, &photos[..1]);
    assert_eq!(plain, drawn(json!({}), (512, 512), 1, &photos[..1]), "a seed gives the same picture again");
    let others = [
        ("prompt", drawn(json!({"prompt": "a bag"}), (512, 512), 1, &photos[..1])),
        ("steps", drawn(json!({"num_inference_steps": 7}), (512, 512), 1, &photos[..1])),
        ("guidance", drawn(json!({"guidance_scale": 9}), (512, 512), 1, &photos[..1])),
        ("strength", drawn(json!({"strength": 0.5}), (512, 512), 1, &photos[..1])),
        ("loras", drawn(json!({"loras": [{"path": "a/b"}]}), (512, 512), 1, &photos[..1])),
        ("seed", drawn(json!({}), (512, 512), 2, &photos[..1])),
        ("no photo", drawn(json!({}), (512, 512), 1, &[])),
        ("another photo", drawn(json!({}), (512, 512), 1, &photos[1..])),
        ("two photos", drawn(json!({}), (512, 512), 1, &photos)),
    ];
    for (what, other) in others {
        assert_ne!(plain, other, "{what}");
    }
}

#[tokio::test]
async fn a_photo_is_seen_in_its_own_colours() {
    let file = drawn(json!({}), (768, 1024), 1, &[photo(300, 400).await]);
    let picture = image::load_from_memory(&file).unwrap().into_rgb8();
    let blue = picture.pixels().filter(|pixel| pixel.0 == [20, 20, 200]).count();
    let disc = picture.pixels().filter(|pixel| pixel.0 == [250, 220, 90]).count();
    assert!(blue > 20_000 && disc > 20_000, "{blue} {disc}");
}

#[tokio::test]
async fn no_size_and_no_prompt_panics() {
    let photos = [photo(300, 400).await, photo(400, 300).await, photo(41, 300).await];
    let prompts =
        ["", " ", "\u{1f389}", "東京 \u{7}\u{1b}[31m\r\n\t\u{ad}", &LONG.repeat(100), &"x".repeat(9000)];
    for size in [(1, 1), (3, 900), (900, 3), (17, 17), (100, 40), (64, 64), (512, 512)] {
        for prompt in prompts {
            drawn(json!({ "prompt": prompt }), size, 1, &photos);
            drawn(json!({ "prompt": prompt }), size, 1, &[]);
        }
    }
}

#[test]
fn a_text_is_set_in_the_largest_letters_that_fit() {
    let large = lettering::fit("a cup", 900, 900, 4.0).unwrap();
    assert_eq!((large.width, large.height), (196, 80), "four times 10 by 20 a letter, less the last gap");
    let small = lettering::fit(LONG, 400, 200, 4.0).unwrap();
    assert!(small.width <= 400 && small.height <= 200);
    assert!(lettering::fit("a cup", 9, 900, 4.0).is_none());
}

#[test]
fn two_large_jpegs_are_drawn_within_two_seconds() {
    let body = json!({ "prompt": LONG });
    let job = check(Endpoint::Schnell, body.to_string().as_bytes()).job.unwrap();
    let started = Instant::now();
    for seed in [1, 2] {
        let picture = Picture { job: &job, size: Size { width: 1024, height: 1024 }, seed, photos: &[] };
        draw(&picture).encode(Format::Jpeg).unwrap();
    }
    // A fifth of this is usual even without optimisation; the rest is for busy machines.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}
