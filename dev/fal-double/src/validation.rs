//! A request body checked against its model's schema.

use serde_json::{Map, Value, json};

use super::fields::{Fields, Problem};
use super::lenient;
use super::models::{Endpoint, Format, Job, PhotoUrl};
use super::sizes;

/// What a body became: a job, and the names of the fields that fal would have dropped without a word.
#[derive(Debug, PartialEq)]
pub struct Checked {
    /// The job, or everything that is wrong with the body.
    pub job: Result<Job, Vec<Problem>>,
    /// Unknown fields.
    pub dropped: Vec<String>,
}

/// Checks a body against the model's schema.
pub fn check(endpoint: Endpoint, body: &[u8]) -> Checked {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) if body.is_empty() => {
            return refused("missing", "Field required", None, Value::Null);
        }
        Err(error) => {
            let ctx = Some(json!({ "error": error.to_string() }));
            return refused("json_invalid", "JSON decode error", ctx, json!({}));
        }
    };
    match &value {
        Value::Object(object) => read(endpoint, object),
        _ => {
            let msg = "Input should be a valid dictionary or object to extract fields from";
            refused("model_attributes_type", msg, None, value)
        }
    }
}

fn refused(kind: &'static str, msg: &str, ctx: Option<Value>, input: Value) -> Checked {
    let problem = Problem { loc: vec![json!("body")], msg: msg.to_owned(), kind, ctx, input };
    Checked { job: Err(vec![problem]), dropped: Vec::new() }
}

fn read(endpoint: Endpoint, body: &Map<String, Value>) -> Checked {
    let rules = endpoint.rules();
    let mut fields = Fields::new(body, vec![json!("body")]);

    let prompt = fields.required("prompt").and_then(|value| text(&mut fields, &[json!("prompt")], value));
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
        "jpeg" => Format::Jpeg,
        "webp" => Format::Webp,
        _ => Format::Png,
    };
    let inline = fields.flag("sync_mode", false);
    fields.flag("enable_safety_checker", true);

    let mut strength = None;
    if endpoint == Endpoint::General {
        strength = Some(fields.number("strength", 0.85, 0.01..=1.0));
        if let Some(value) = fields.nullable("negative_prompt") {
            text(&mut fields, &[json!("negative_prompt")], value);
        }
    } else {
        let default = if endpoint == Endpoint::Schnell { "none" } else { "regular" };
        fields.choice("acceleration", default, &["none", "regular", "high"]);
    }
    let loras = if rules.most_loras > 0 { loras(&mut fields, rules.most_loras) } else { Vec::new() };

    let size = size.or((endpoint == Endpoint::Schnell).then_some(sizes::LANDSCAPE_4_3));
    let dropped = fields.dropped();
    let job = match prompt {
        Some(prompt) if fields.problems.is_empty() => Ok(Job {
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
        _ => Err(fields.problems),
    };
    Checked { job, dropped }
}

fn one_photo(fields: &mut Fields<'_>) -> Vec<PhotoUrl> {
    let value = fields.required("image_url");
    value.and_then(|value| photo(fields, &[json!("image_url")], value)).into_iter().collect()
}

fn several_photos(fields: &mut Fields<'_>) -> Vec<PhotoUrl> {
    /// `fal-ai/flux-2/lora/edit` takes up to four reference photos.
    const MOST_PHOTOS: usize = 4;
    let Some(value) = fields.required("image_urls") else {
        return Vec::new();
    };
    let items = list(fields, "image_urls", value, 1, MOST_PHOTOS);
    let photos = items.iter().enumerate();
    photos.filter_map(|(index, item)| photo(fields, &[json!("image_urls"), json!(index)], item)).collect()
}

/// One photo's URL. fal demands `https` and a public host; here plain `http` and loopback are allowed,
/// because the photos of the local stack live on this machine.
fn photo(fields: &mut Fields<'_>, path: &[Value], value: &Value) -> Option<PhotoUrl> {
    /// fal's URL type ends here. Presigned URLs made under a role's session token come close to it.
    const LONGEST_URL: usize = 2048;
    let address = text(fields, path, value)?;
    if !address.starts_with("data:") {
        if address.chars().count() > LONGEST_URL {
            let msg = format!("URL should have at most {LONGEST_URL} characters");
            fields.problem_at(path, "url_too_long", &msg, Some(json!({ "max_length": LONGEST_URL })), value);
            return None;
        }
        let scheme = url::Url::parse(&address).map(|url| url.scheme().to_owned()).unwrap_or_default();
        if !matches!(scheme.as_str(), "http" | "https") {
            let ctx = json!({ "expected_schemes": "'http', 'https' or 'data'" });
            let msg = "URL scheme should be 'http', 'https' or 'data'";
            fields.problem_at(path, "url_scheme", msg, Some(ctx), value);
            return None;
        }
    }
    let loc = [&[json!("body")], path].concat();
    Some(PhotoUrl { url: address, loc })
}

fn loras(fields: &mut Fields<'_>, most: usize) -> Vec<String> {
    let Some(value) = fields.nullable("loras") else {
        return Vec::new();
    };
    let items = list(fields, "loras", value, 0, most);
    let mut paths = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = fields.nested(&[json!("loras"), json!(index)], item, |lora| {
            lora.number("scale", 1.0, 0.0..=4.0);
            lora.required("path").and_then(|value| text(lora, &[json!("path")], value))
        });
        paths.extend(path.flatten());
    }
    paths
}

fn seed(fields: &mut Fields<'_>) -> Option<u64> {
    let value = fields.nullable("seed")?;
    // Seeds pass 2^63, so the unsigned reading comes first; a negative one wraps, as good as any other.
    match value.as_u64().map_or_else(|| lenient::integer(value).map(|seed| seed as u64), Ok) {
        Ok(seed) => Some(seed),
        Err((kind, msg)) => {
            fields.problem("seed", kind, msg, None, value);
            None
        }
    }
}

fn text(fields: &mut Fields<'_>, path: &[Value], value: &Value) -> Option<String> {
    let text = value.as_str().map(str::to_owned);
    if text.is_none() {
        fields.problem_at(path, "string_type", "Input should be a valid string", None, value);
    }
    text
}

fn list<'v>(fields: &mut Fields<'_>, name: &str, value: &'v Value, least: usize, most: usize) -> &'v [Value] {
    let Value::Array(items) = value else {
        fields.problem(name, "list_type", "Input should be a valid list", None, value);
        return &[];
    };
    let length = items.len();
    if length < least {
        let msg = format!("List should have at least {least} item after validation, not {length}");
        let ctx = json!({ "actual_length": length, "field_type": "List", "min_length": least });
        fields.problem(name, "too_short", &msg, Some(ctx), value);
    } else if length > most {
        let msg = format!("List should have at most {most} items after validation, not {length}");
        let ctx = json!({ "actual_length": length, "field_type": "List", "max_length": most });
        fields.problem(name, "too_long", &msg, Some(ctx), value);
        return &[];
    }
    items
}
