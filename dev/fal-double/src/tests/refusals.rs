//! What the models refuse, and how they say so.

use serde_json::{Value, json};

use super::{PHOTO, checked};
use crate::models::Endpoint;
use crate::schema::Violation;

/// Every violation as `path type ctx`.
fn violations(endpoint: Endpoint, changes: Value) -> Vec<String> {
    let line = |Violation { loc, refusal, .. }: Violation| {
        let path: Vec<String> = loc.iter().map(|step| step.to_string().replace('"', "")).collect();
        let ctx = refusal.ctx.map(|ctx| format!(" {ctx}")).unwrap_or_default();
        format!("{} {}{ctx}", path.join("."), refusal.kind)
    };
    checked(endpoint, changes).job.unwrap_err().into_iter().map(line).collect()
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_limit() {
    use Endpoint::{Flux2Edit, General, Schnell};
    let cases = [
        (Schnell, json!({"prompt": 7})),
        (Schnell, json!({"prompt": null})),
        (Schnell, json!({"num_inference_steps": 0})),
        (Schnell, json!({"num_inference_steps": 13})),
        (Schnell, json!({"num_inference_steps": "x"})),
        (Schnell, json!({"num_inference_steps": 4.5})),
        (Schnell, json!({"num_inference_steps": null})),
        (Schnell, json!({"guidance_scale": 0.5})),
        (Schnell, json!({"guidance_scale": []})),
        (Schnell, json!({"num_images": 5})),
        (Schnell, json!({"output_format": "webp"})),
        (Schnell, json!({"acceleration": "warp"})),
        (Schnell, json!({"sync_mode": "perhaps"})),
        (Schnell, json!({"seed": "x"})),
        (Schnell, json!({"image_size": {"width": 0}})),
        (Schnell, json!({"image_size": 7})),
        (General, json!({"strength": 0})),
        (General, json!({"strength": 1.1})),
        (General, json!({"num_inference_steps": 51})),
        (General, json!({"num_images": 11})),
        (General, json!({"image_url": "ftp://example.com/a"})),
        (Flux2Edit, json!({"num_inference_steps": 3})),
        (Flux2Edit, json!({"guidance_scale": 21})),
        (Flux2Edit, json!({"image_urls": PHOTO})),
        (Flux2Edit, json!({"image_urls": [PHOTO, 7]})),
        (Flux2Edit, json!({"image_urls": []})),
        (Flux2Edit, json!({"image_urls": vec![PHOTO; 5]})),
        (Flux2Edit, json!({"image_urls": [format!("{PHOTO}?{}", "x".repeat(2048))]})),
        (Flux2Edit, json!({"loras": [{"scale": 1}]})),
        (Flux2Edit, json!({"loras": [{"path": "a/b", "scale": 5}]})),
        (Flux2Edit, json!({"image_size": {"width": 500, "height": 512}})),
    ];
    let found = cases.map(|(endpoint, changes)| violations(endpoint, changes).join("; "));
    insta::assert_snapshot!(found.join("\n"), @r#"
    body.prompt string_type
    body.prompt string_type
    body.num_inference_steps greater_than_equal {"ge":1}
    body.num_inference_steps less_than_equal {"le":12}
    body.num_inference_steps int_parsing
    body.num_inference_steps int_from_float
    body.num_inference_steps int_type
    body.guidance_scale greater_than_equal {"ge":1.0}
    body.guidance_scale float_type
    body.num_images less_than_equal {"le":4}
    body.output_format literal_error {"expected":"'jpeg' or 'png'"}
    body.acceleration literal_error {"expected":"'none', 'regular' or 'high'"}
    body.sync_mode bool_parsing
    body.seed int_parsing
    body.image_size.width greater_than_equal {"ge":1}
    body.image_size model_attributes_type
    body.strength greater_than_equal {"ge":0.01}
    body.strength less_than_equal {"le":1.0}
    body.num_inference_steps less_than_equal {"le":50}
    body.num_images less_than_equal {"le":10}
    body.image_url url_scheme {"expected_schemes":"'http', 'https' or 'data'"}
    body.num_inference_steps greater_than_equal {"ge":4}
    body.guidance_scale less_than_equal {"le":20.0}
    body.image_urls list_type
    body.image_urls.1 string_type
    body.image_urls too_short {"actual_length":0,"field_type":"List","min_length":1}
    body.image_urls too_long {"actual_length":5,"field_type":"List","max_length":4}
    body.image_urls.0 url_too_long {"max_length":2048}
    body.loras.0.path missing
    body.loras.0.scale less_than_equal {"le":4.0}
    body.image_size.width greater_than_equal {"ge":512}
    "#);
}

#[test]
fn all_violations_are_reported_at_once() {
    let changes = json!({"prompt": 1, "num_images": 0, "image_size": "huge"});
    let found = violations(Endpoint::Schnell, changes);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[1].starts_with("body.image_size enum"), "{found:?}");
}

#[test]
fn a_body_that_is_not_an_object_is_refused() {
    let kind = |body: &str| Endpoint::Schnell.check(body.as_bytes()).job.unwrap_err()[0].refusal.kind;
    assert_eq!(kind(""), "missing");
    assert_eq!(kind("{"), "json_invalid");
    assert_eq!(kind("[1]"), "model_attributes_type");
    assert_eq!(kind("{}"), "missing");
}
