//! A request body checked against its model's schema.

use image::ImageFormat;
use serde_json::{Map, Value, json};

use super::fields::{LaxFields, Violation};
use super::lax::{self, Refusal};
use super::models::{Endpoint, Job, PhotoUrl};
use super::sizes;

/// A checked body: a job, and the names of the fields that fal would have dropped silently.
#[derive(Debug, PartialEq)]
pub struct Checked {
    pub job: Result<Job, Vec<Violation>>,
    pub dropped: Vec<String>,
}

/// Checks a body against the model's schema.
pub fn check(endpoint: Endpoint, body: &[u8]) -> Checked {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) if body.is_empty() => {
            return refused(Refusal::new("missing", "Field required"), Value::Null);
        }
        Err(error) => {
            let ctx = json!({ "error": error.to_string() });
            return refused(Refusal::new("json_invalid", "JSON decode error").with_ctx(ctx), json!({}));
        }
    };
    match lax::object(&value) {
        Ok(object) => read(endpoint, object),
        Err(refusal) => refused(refusal, value),
    }
}

fn refused(refusal: Refusal, input: Value) -> Checked {
    let violation = Violation { loc: vec![json!("body")], refusal, input };
    Checked { job: Err(vec![violation]), dropped: Vec::new() }
}

fn read(endpoint: Endpoint, body: &Map<String, Value>) -> Checked {
    let rules = endpoint.rules();
    let mut fields = LaxFields::new(body, vec![json!("body")]);

    let prompt = fields.required("prompt").and_then(|value| text(&mut fields, "prompt", value));
    let photos = match endpoint {
        Endpoint::Schnell => Vec::new(),
        Endpoint::General => one_photo(&mut fields),
        Endpoint::Flux2Edit => several_photos(&mut fields),
    };
    let size = sizes::read(&mut fields, rules.sides);
    let steps = fields.integer("num_inference_steps", rules.steps.0, rules.steps.1);
    let guidance = fields.number("guidance_scale", rules.guidance.0, rules.guidance.1);
    let count = fields.integer("num_images", 1, rules.images);
    let seed = seed(&mut fields);
    let format = match fields.choice("output_format", rules.format, rules.formats) {
        "jpeg" => ImageFormat::Jpeg,
        "webp" => ImageFormat::WebP,
        _ => ImageFormat::Png,
    };
    let inline = fields.flag("sync_mode", false);
    fields.flag("enable_safety_checker", true);

    let mut strength = None;
    if endpoint == Endpoint::General {
        strength = Some(fields.number("strength", 0.85, 0.01..=1.0));
        if let Some(value) = fields.nullable("negative_prompt") {
            text(&mut fields, "negative_prompt", value);
        }
    } else {
        let default = if endpoint == Endpoint::Schnell { "none" } else { "regular" };
        fields.choice("acceleration", default, &["none", "regular", "high"]);
    }
    let loras = if rules.most_loras > 0 { loras(&mut fields, rules.most_loras) } else { Vec::new() };

    let size = size.or((endpoint == Endpoint::Schnell).then_some(sizes::LANDSCAPE_4_3));
    let dropped = fields.dropped();
    let job = match prompt {
        Some(prompt) if fields.violations.is_empty() => Ok(Job {
            endpoint,
            prompt,
            photos,
            size,
            steps,
            guidance,
            strength,
            loras,
            count,
            seed,
            format,
            inline,
        }),
        _ => Err(fields.violations),
    };
    Checked { job, dropped }
}

fn text(fields: &mut LaxFields<'_>, name: &str, value: &Value) -> Option<String> {
    fields.accept(&[json!(name)], value, lax::text(value)).map(str::to_owned)
}

fn one_photo(fields: &mut LaxFields<'_>) -> Vec<PhotoUrl> {
    let value = fields.required("image_url");
    value.and_then(|value| photo(fields, &[json!("image_url")], value)).into_iter().collect()
}

fn several_photos(fields: &mut LaxFields<'_>) -> Vec<PhotoUrl> {
    /// `fal-ai/flux-2/lora/edit` accepts up to four reference photos.
    const MOST_PHOTOS: usize = 4;
    let Some(value) = fields.required("image_urls") else {
        return Vec::new();
    };
    let items = fields.accept(&[json!("image_urls")], value, lax::list(value, 1..=MOST_PHOTOS));
    let photos = items.unwrap_or_default().iter().enumerate();
    photos.filter_map(|(index, item)| photo(fields, &[json!("image_urls"), json!(index)], item)).collect()
}

/// One photo's URL.
fn photo(fields: &mut LaxFields<'_>, path: &[Value], value: &Value) -> Option<PhotoUrl> {
    let url = fields.accept(path, value, photo_url(value))?.to_owned();
    Some(PhotoUrl { url, loc: [&[json!("body")], path].concat() })
}

/// fal demands `https` and a public host. This double allows plain `http` and loopback, because the photos of
/// the local stack are on this machine.
fn photo_url(value: &Value) -> Result<&str, Refusal> {
    /// fal's URL type ends here. Presigned URLs made under a role's session token come close to it.
    const LONGEST_URL: usize = 2048;
    const SCHEMES: &str = "'http', 'https' or 'data'";
    let address = lax::text(value)?;
    if address.starts_with("data:") {
        return Ok(address);
    }
    if address.chars().count() > LONGEST_URL {
        let msg = format!("URL should have at most {LONGEST_URL} characters");
        return Err(Refusal::new("url_too_long", msg).with_ctx(json!({ "max_length": LONGEST_URL })));
    }
    match url::Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(address),
        _ => {
            let refusal = Refusal::new("url_scheme", format!("URL scheme should be {SCHEMES}"));
            Err(refusal.with_ctx(json!({ "expected_schemes": SCHEMES })))
        }
    }
}

fn loras(fields: &mut LaxFields<'_>, most: usize) -> Vec<String> {
    let Some(value) = fields.nullable("loras") else {
        return Vec::new();
    };
    let items = fields.accept(&[json!("loras")], value, lax::list(value, 0..=most));
    let mut paths = Vec::new();
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = fields.nested(&[json!("loras"), json!(index)], item, |lora| {
            lora.number("scale", 1.0, 0.0..=4.0);
            lora.required("path").and_then(|value| text(lora, "path", value))
        });
        paths.extend(path.flatten());
    }
    paths
}

fn seed(fields: &mut LaxFields<'_>) -> Option<u64> {
    let value = fields.nullable("seed")?;
    // Seeds pass 2^63, so the unsigned reading comes first; a negative one wraps, as good as any other.
    let seed = value.as_u64().map_or_else(|| lax::integer(value).map(|seed| seed as u64), Ok);
    fields.accept(&[json!("seed")], value, seed)
}
