//! What the models refuse, and how they say it.

use serde_json::{Value, json};

use super::super::fields::Problem;
use super::super::models::Endpoint;
use super::super::validation::check;
use super::validation::{PHOTO, checked};

/// Every problem as `path type ctx`.
fn problems(endpoint: Endpoint, changes: Value) -> Vec<String> {
    let problems = checked(endpoint, changes).job.unwrap_err();
    let line = |problem: &Problem| {
        let path: Vec<String> = problem.loc.iter().map(|step| step.to_string().replace('"', "")).collect();
        let ctx = problem.ctx.as_ref().map(|ctx| format!(" {ctx}")).unwrap_or_default();
        format!("{} {}{ctx}", path.join("."), problem.kind)
    };
    problems.iter().map(line).collect()
}

#[test]
fn wrong_values_are_named_with_their_place_and_limit() {
    use Endpoint::{Flux2Edit, General, Schnell};
    let cases = [
        (Schnell, json!({"prompt": 7}), "body.prompt string_type"),
        (Schnell, json!({"prompt": null}), "body.prompt string_type"),
        (
            Schnell,
            json!({"num_inference_steps": 0}),
            r#"body.num_inference_steps greater_than_equal {"ge":1}"#,
        ),
        (
            Schnell,
            json!({"num_inference_steps": 13}),
            r#"body.num_inference_steps less_than_equal {"le":12}"#,
        ),
        (Schnell, json!({"num_inference_steps": "x"}), "body.num_inference_steps int_parsing"),
        (Schnell, json!({"num_inference_steps": 4.5}), "body.num_inference_steps int_from_float"),
        (Schnell, json!({"num_inference_steps": null}), "body.num_inference_steps int_type"),
        (Schnell, json!({"guidance_scale": 0.5}), r#"body.guidance_scale greater_than_equal {"ge":1.0}"#),
        (Schnell, json!({"guidance_scale": []}), "body.guidance_scale float_type"),
        (Schnell, json!({"num_images": 5}), r#"body.num_images less_than_equal {"le":4}"#),
        (
            Schnell,
            json!({"output_format": "webp"}),
            r#"body.output_format literal_error {"expected":"'jpeg' or 'png'"}"#,
        ),
        (
            Schnell,
            json!({"acceleration": "warp"}),
            r#"body.acceleration literal_error {"expected":"'none', 'regular' or 'high'"}"#,
        ),
        (Schnell, json!({"sync_mode": "perhaps"}), "body.sync_mode bool_parsing"),
        (Schnell, json!({"seed": "x"}), "body.seed int_parsing"),
        (
            Schnell,
            json!({"image_size": {"width": 0}}),
            r#"body.image_size.width greater_than_equal {"ge":1}"#,
        ),
        (Schnell, json!({"image_size": 7}), "body.image_size model_attributes_type"),
        (General, json!({"strength": 0}), r#"body.strength greater_than_equal {"ge":0.01}"#),
        (General, json!({"strength": 1.1}), r#"body.strength less_than_equal {"le":1.0}"#),
        (
            General,
            json!({"num_inference_steps": 51}),
            r#"body.num_inference_steps less_than_equal {"le":50}"#,
        ),
        (General, json!({"num_images": 11}), r#"body.num_images less_than_equal {"le":10}"#),
        (
            General,
            json!({"image_url": "ftp://example.com/a"}),
            r#"body.image_url url_scheme {"expected_schemes":"'http', 'https' or 'data'"}"#,
        ),
        (
            Flux2Edit,
            json!({"num_inference_steps": 3}),
            r#"body.num_inference_steps greater_than_equal {"ge":4}"#,
        ),
        (Flux2Edit, json!({"guidance_scale": 21}), r#"body.guidance_scale less_than_equal {"le":20.0}"#),
        (Flux2Edit, json!({"image_urls": PHOTO}), "body.image_urls list_type"),
        (Flux2Edit, json!({"image_urls": [PHOTO, 7]}), "body.image_urls.1 string_type"),
        (
            Flux2Edit,
            json!({"image_urls": []}),
            r#"body.image_urls too_short {"actual_length":0,"field_type":"List","min_length":1}"#,
        ),
        (
            Flux2Edit,
            json!({"image_urls": vec![PHOTO; 5]}),
            r#"body.image_urls too_long {"actual_length":5,"field_type":"List","max_length":4}"#,
        ),
        (
            Flux2Edit,
            json!({"image_urls": [format!("{PHOTO}?{}", "x".repeat(2048))]}),
            r#"body.image_urls.0 url_too_long {"max_length":2048}"#,
        ),
        (Flux2Edit, json!({"loras": [{"scale": 1}]}), "body.loras.0.path missing"),
        (
            Flux2Edit,
            json!({"loras": [{"path": "a/b", "scale": 5}]}),
            r#"body.loras.0.scale less_than_equal {"le":4.0}"#,
        ),
        (
            Flux2Edit,
            json!({"image_size": {"width": 500, "height": 512}}),
            r#"body.image_size.width greater_than_equal {"ge":512}"#,
        ),
    ];
    for (endpoint, changes, expected) in cases {
        assert_eq!(problems(endpoint, changes.clone()), [expected], "{endpoint:?} {changes}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let changes = json!({"prompt": 1, "num_images": 0, "image_size": "huge"});
    let found = problems(Endpoint::Schnell, changes);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[1].starts_with("body.image_size enum"), "{found:?}");
}

#[test]
fn bodies_that_are_no_objects_are_refused() {
    let kind = |body: &str| check(Endpoint::Schnell, body.as_bytes()).job.unwrap_err()[0].kind;
    assert_eq!(kind(""), "missing");
    assert_eq!(kind("{"), "json_invalid");
    assert_eq!(kind("[1]"), "model_attributes_type");
    assert_eq!(kind("{}"), "missing");
}
