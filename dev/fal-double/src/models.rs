//! The three models with the fields, defaults and ranges of fal's published schemas, and the job of a valid request.

use std::ops::RangeInclusive;

use image::ImageFormat;
use serde_json::Value;

use super::sizes::{self, Size};

/// A model that this double can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    pub const fn rules(self) -> Rules {
        match self {
            Self::Schnell => Rules {
                steps: (4, 1..=12),
                guidance: (3.5, 1.0..=20.0),
                images: 1..=4,
                formats: &["jpeg", "png"],
                format: "jpeg",
                sides: 1..=sizes::LARGEST_SIDE,
                most_loras: 0,
            },
            Self::General => Rules {
                steps: (28, 1..=50),
                guidance: (3.5, 0.0..=20.0),
                images: 1..=10,
                formats: &["jpeg", "png"],
                format: "png",
                sides: 1..=sizes::LARGEST_SIDE,
                most_loras: usize::MAX,
            },
            Self::Flux2Edit => Rules {
                steps: (28, 4..=50),
                guidance: (2.5, 0.0..=20.0),
                images: 1..=4,
                formats: &["jpeg", "png", "webp"],
                format: "png",
                sides: 512..=2048,
                most_loras: 3,
            },
        }
    }
}

/// The defaults (first) and ranges of one model.
pub struct Rules {
    pub steps: (i64, RangeInclusive<i64>),
    pub guidance: (f64, RangeInclusive<f64>),
    /// How many pictures; the default is 1.
    pub images: RangeInclusive<i64>,
    pub formats: &'static [&'static str],
    /// The default of the formats.
    pub format: &'static str,
    /// Both sides of a custom `image_size`, in pixels.
    pub sides: RangeInclusive<i64>,
    /// How many LoRAs; 0 for a model without the field `loras`.
    pub most_loras: usize,
}

/// A photo of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoUrl {
    /// An `http(s)` URL or a `data:` URI.
    pub url: String,
    /// The field with the URL, for the `loc` of an error.
    pub loc: Vec<Value>,
}

/// A validated request: every default applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub endpoint: Endpoint,
    pub prompt: String,
    /// In the order of the request.
    pub photos: Vec<PhotoUrl>,
    /// `None` means the size of the first photo.
    pub size: Option<Size>,
    pub steps: i64,
    pub guidance: f64,
    /// How much of the photo is repainted; 1 is all. `None` for the models that do not read it.
    pub strength: Option<f64>,
    /// The paths of the LoRAs.
    pub loras: Vec<String>,
    /// How many pictures.
    pub count: i64,
    pub seed: Option<u64>,
    pub format: ImageFormat,
    /// `sync_mode`: return the pictures as data URIs and store nothing.
    pub inline: bool,
}
