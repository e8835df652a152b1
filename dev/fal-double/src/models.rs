//! The three models with the fields, defaults and ranges of fal's published schemas, and the job of a valid
//! request.

use image::ImageFormat;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lax::Refusal;
use super::schema::{Field, Kind, Reading, Violation};
use super::sizes::{self, Size};

/// A model that this double can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endpoint {
    /// Text to image, fast.
    Schnell,
    /// Image to image from one photo. Reads `strength`; `image_strength` means nothing to it.
    General,
    /// Image to image from up to four photos. Reads neither `strength` nor `image_strength`.
    Flux2Edit,
}

impl Endpoint {
    pub const ALL: [Self; 3] = [Self::Schnell, Self::General, Self::Flux2Edit];

    /// The endpoint id, which is the path of the request.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Schnell => "fal-ai/flux/schnell",
            Self::General => "fal-ai/flux-general/image-to-image",
            Self::Flux2Edit => "fal-ai/flux-2/lora/edit",
        }
    }

    /// `owner/alias`: the id without the path below the app. The queue's URLs use this.
    pub fn app(self) -> &'static str {
        match self.id().match_indices('/').nth(1) {
            Some((end, _)) => &self.id()[..end],
            None => self.id(),
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.id() == id)
    }

    /// The fields that the model reads.
    fn input(self) -> Vec<Field> {
        let mut fields = vec![
            Field::required("prompt", Kind::Text),
            Field::nullable("seed", Kind::Seed),
            Field::default("sync_mode", Kind::Flag, false),
            Field::default("enable_safety_checker", Kind::Flag, true),
        ];
        fields.extend(match self {
            Self::Schnell => vec![
                Field::nullable("image_size", Kind::Size(1..=sizes::LARGEST_SIDE)),
                Field::default("num_inference_steps", Kind::Integer(1..=12), 4),
                Field::default("guidance_scale", Kind::Number(1.0..=20.0), 3.5),
                Field::default("num_images", Kind::Integer(1..=4), 1),
                Field::default("output_format", Kind::Choice(&["jpeg", "png"]), "jpeg"),
                Field::default("acceleration", Kind::Choice(&["none", "regular", "high"]), "none"),
            ],
            Self::General => vec![
                Field::required("image_url", Kind::PhotoUrl),
                Field::nullable("image_size", Kind::Size(1..=sizes::LARGEST_SIDE)),
                Field::default("num_inference_steps", Kind::Integer(1..=50), 28),
                Field::default("guidance_scale", Kind::Number(0.0..=20.0), 3.5),
                Field::default("num_images", Kind::Integer(1..=10), 1),
                Field::default("output_format", Kind::Choice(&["jpeg", "png"]), "png"),
                Field::default("strength", Kind::Number(0.01..=1.0), 0.85),
                Field::nullable("negative_prompt", Kind::Text),
                Field::nullable("loras", Kind::list(0..=usize::MAX, lora())),
            ],
            Self::Flux2Edit => vec![
                Field::required("image_urls", Kind::list(1..=4, Kind::PhotoUrl)),
                Field::nullable("image_size", Kind::Size(512..=2048)),
                Field::default("num_inference_steps", Kind::Integer(4..=50), 28),
                Field::default("guidance_scale", Kind::Number(0.0..=20.0), 2.5),
                Field::default("num_images", Kind::Integer(1..=4), 1),
                Field::default("output_format", Kind::Choice(&["jpeg", "png", "webp"]), "png"),
                Field::default("acceleration", Kind::Choice(&["none", "regular", "high"]), "regular"),
                Field::nullable("loras", Kind::list(0..=3, lora())),
            ],
        });
        fields
    }

    /// Checks a body against the model's schema.
    pub fn check(self, body: &[u8]) -> Checked {
        let mut reading = Reading::default();
        let loc = [json!("body")];
        let read = match serde_json::from_slice::<Value>(body) {
            Ok(value) => reading.object(&self.input(), &value, &loc),
            Err(_) if body.is_empty() => {
                reading.refuse(&loc, Refusal::new("missing", "Field required"), &Value::Null)
            }
            Err(error) => {
                let ctx = json!({ "error": error.to_string() });
                let refusal = Refusal::new("json_invalid", "JSON decode error").with_ctx(ctx);
                reading.refuse(&loc, refusal, &json!({}))
            }
        };
        reading.dropped.sort();
        let job = match reading.violations.is_empty() {
            true => Ok(Job::of(self, read)),
            false => Err(reading.violations),
        };
        Checked { job, dropped: reading.dropped }
    }
}

fn lora() -> Kind {
    let scale = Field::default("scale", Kind::Number(0.0..=4.0), 1.0);
    Kind::Object(vec![scale, Field::required("path", Kind::Text)])
}

/// A checked body: a job, and the names of the fields that fal would have dropped silently.
#[derive(Debug, PartialEq)]
pub struct Checked {
    pub job: Result<Job, Vec<Violation>>,
    pub dropped: Vec<String>,
}

/// A validated request: every default applied.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Job {
    pub endpoint: Endpoint,
    pub prompt: String,
    image_url: Option<String>,
    #[serde(default)]
    image_urls: Vec<String>,
    image_size: Option<Size>,
    #[serde(rename = "num_inference_steps")]
    pub steps: i64,
    #[serde(rename = "guidance_scale")]
    pub guidance: f64,
    /// How much of the photo is repainted; 1 is all. `None` for the models that do not read it.
    pub strength: Option<f64>,
    #[serde(default)]
    pub loras: Vec<Lora>,
    /// How many pictures.
    #[serde(rename = "num_images")]
    pub count: i64,
    pub seed: Option<u64>,
    /// `jpeg`, `png` or `webp`: the name in a request, in a content type and at the end of a file's name.
    #[serde(rename = "output_format")]
    pub format: String,
    /// Return the pictures as data URIs and store nothing.
    #[serde(rename = "sync_mode")]
    pub inline: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Lora {
    pub path: String,
}

impl Job {
    fn of(endpoint: Endpoint, mut read: Value) -> Self {
        read["endpoint"] = json!(endpoint);
        serde_json::from_value(read).expect("the schema has every field of a job")
    }

    /// The photos in the order of the request: `http(s)` URLs or `data:` URIs.
    pub fn photos(&self) -> impl Iterator<Item = &str> {
        self.image_url.iter().chain(&self.image_urls).map(String::as_str)
    }

    /// The place of a photo's URL in the request, for the `loc` of an error.
    pub fn loc_of_photo(&self, index: usize) -> Vec<Value> {
        match (&self.image_url, index < self.image_urls.len()) {
            (Some(_), _) => vec![json!("body"), json!("image_url")],
            (None, true) => vec![json!("body"), json!("image_urls"), json!(index)],
            (None, false) => vec![json!("body")],
        }
    }

    /// The size of the pictures: the requested one, or one that follows the first photo's.
    pub fn size(&self, first_photo: Option<Size>) -> Size {
        self.image_size.unwrap_or_else(|| first_photo.map_or(sizes::LANDSCAPE_4_3, sizes::of_photo))
    }

    pub fn format(&self) -> ImageFormat {
        ImageFormat::from_extension(&self.format).unwrap_or(ImageFormat::Png)
    }
}
