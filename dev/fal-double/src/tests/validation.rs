//! What the models accept, fill in and drop.

use image::ImageFormat;
use serde_json::{Value, json};

use super::checked;
use crate::models::{Endpoint, Job};
use crate::sizes::{Size, of_photo};

fn job(endpoint: Endpoint, changes: Value) -> Job {
    checked(endpoint, changes).job.unwrap()
}

#[test]
fn absent_fields_have_the_defaults_of_the_model() {
    let photo = Some(Size { width: 900, height: 700 });
    let cases = [
        (Endpoint::Schnell, json!({"image_size": null}), (4, 3.5, None, ImageFormat::Jpeg), None, 1024),
        (Endpoint::General, json!({}), (28, 3.5, Some(0.85), ImageFormat::Png), photo, 900),
        (Endpoint::Flux2Edit, json!({}), (28, 2.5, None, ImageFormat::Png), photo, 900),
    ];
    for (endpoint, changes, defaults, photo, width) in cases {
        let job = job(endpoint, changes);
        assert_eq!((job.steps, job.guidance, job.strength, job.format()), defaults, "{endpoint:?}");
        assert_eq!((job.count, job.size(photo).width), (1, width), "{endpoint:?}");
    }
}

#[test]
fn numbers_and_flags_may_be_strings() {
    let changes =
        json!({"num_inference_steps": "7", "num_images": 2.0, "guidance_scale": "3", "sync_mode": "yes"});
    let job = job(Endpoint::Schnell, changes);
    assert_eq!((job.steps, job.count, job.guidance, job.inline), (7, 2, 3.0, true));
}

#[test]
fn seeds_above_53_bits_keep_every_digit() {
    assert_eq!(job(Endpoint::Schnell, json!({"seed": u64::MAX})).seed, Some(u64::MAX));
}

#[test]
fn unknown_fields_are_dropped_and_leave_the_default() {
    let checked = checked(
        Endpoint::General,
        json!({"image_strength": 0.2, "strenght": 0.1, "loras": [{"path": "a", "weight": 1}]}),
    );
    assert_eq!(checked.dropped, ["image_strength", "loras.0.weight", "strenght"]);
    assert_eq!(checked.job.unwrap().strength, Some(0.85));
}

#[test]
fn flux_2_reads_neither_strength() {
    let changes = json!({"strength": 99, "image_strength": "x"});
    assert_eq!(checked(Endpoint::Flux2Edit, changes).dropped, ["image_strength", "strength"]);
}

#[test]
fn the_picture_has_the_size_of_the_photo_within_512_and_2048() {
    let cases = [
        ((900, 700), (900, 700)),
        ((300, 400), (512, 683)),
        ((4000, 3000), (2048, 1536)),
        ((100, 10_000), (512, 2048)),
        ((0, 0), (512, 512)),
    ];
    for ((width, height), (out_width, out_height)) in cases {
        let size = of_photo(Size { width, height });
        assert_eq!(size, Size { width: out_width, height: out_height }, "{width}x{height}");
    }
}

#[test]
fn the_app_of_an_endpoint_is_its_first_two_parts() {
    assert_eq!(Endpoint::Flux2Edit.app(), "fal-ai/flux-2");
    assert_eq!(Endpoint::Schnell.app(), "fal-ai/flux");
    assert_eq!(Endpoint::General.app(), "fal-ai/flux-general");
}
