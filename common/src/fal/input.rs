//! The bodies sent to fal, one type per endpoint. They are typed because fal ignores a misspelt field and
//! uses its default.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Megapixels;
use crate::redaction::without_secrets;

/// The same for every picture: how closely it follows the prompt.
const GUIDANCE_SCALE: f64 = 3.5;

/// fal's price per megapixel in US dollars, from the models' pages on fal.ai. Used for the metric of the cost
/// only. FLUX.2 charges for its photos as well as for the picture.
const SCHNELL_USD: f64 = 0.003;
const FLUX_TWO_EDIT_USD: f64 = 0.021;
const FLUX_GENERAL_USD: f64 = 0.075;

/// Extra weights for the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// `owner/name`, or the URL of a weights file.
    pub path: String,
    /// How strongly they count, 0 to 4.
    pub scale: f64,
}

/// A photo for fal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPhoto {
    /// Where fal fetches it, or the photo itself as a `data:` URL.
    pub url: String,
    pub size: Megapixels,
}

/// Text to image, `fal-ai/flux/schnell`.
#[derive(Debug, Clone, Serialize)]
pub struct Schnell {
    prompt: String,
    image_size: &'static str,
    num_inference_steps: u8,
    guidance_scale: f64,
}

impl Schnell {
    pub const ENDPOINT: &str = "fal-ai/flux/schnell";

    /// A square picture of 1024 by 1024.
    pub fn new(prompt: String, num_inference_steps: u8) -> Self {
        Self { prompt, image_size: "square_hd", num_inference_steps, guidance_scale: GUIDANCE_SCALE }
    }
}

/// Image to image with up to four photos, `fal-ai/flux-2/lora/edit`.
#[derive(Debug, Clone, Serialize)]
pub struct FluxTwoEdit {
    prompt: String,
    image_urls: Vec<String>,
    /// The sizes of the photos, in the order of their URLs.
    #[serde(skip)]
    sizes: Vec<Megapixels>,
    num_inference_steps: u8,
    guidance_scale: f64,
    /// Without effect, because the endpoint does not read it. The documented payload has it.
    strength: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loras: Vec<Lora>,
}

impl FluxTwoEdit {
    pub const ENDPOINT: &str = "fal-ai/flux-2/lora/edit";

    /// Most photos that the endpoint takes.
    pub const MAX_PHOTOS: usize = 4;

    /// A picture of the photos, edited as the prompt says.
    pub fn new(prompt: String, photos: Vec<SentPhoto>, num_inference_steps: u8, loras: Vec<Lora>) -> Self {
        let (image_urls, sizes) = photos.into_iter().map(|photo| (photo.url, photo.size)).unzip();
        Self {
            prompt,
            image_urls,
            sizes,
            num_inference_steps,
            guidance_scale: GUIDANCE_SCALE,
            strength: 0.65,
            loras,
        }
    }
}

/// Image to image with one photo, `fal-ai/flux-general/image-to-image`.
#[derive(Debug, Clone, Serialize)]
pub struct FluxGeneral {
    prompt: String,
    image_url: String,
    /// The size of the photo.
    #[serde(skip)]
    size: Megapixels,
    /// The documented name. The endpoint does not read it.
    image_strength: f64,
    /// The name that the endpoint reads. Without it fal uses its default of 0.85.
    strength: f64,
    num_inference_steps: u8,
    guidance_scale: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loras: Vec<Lora>,
}

impl FluxGeneral {
    pub const ENDPOINT: &str = "fal-ai/flux-general/image-to-image";

    /// Most photos that the endpoint takes.
    pub const MAX_PHOTOS: usize = 1;

    /// A picture half-way between the photo and the prompt.
    pub fn new(prompt: String, photo: SentPhoto, num_inference_steps: u8, loras: Vec<Lora>) -> Self {
        Self {
            prompt,
            image_url: photo.url,
            size: photo.size,
            image_strength: 0.5,
            strength: 0.5,
            num_inference_steps,
            guidance_scale: GUIDANCE_SCALE,
            loras,
        }
    }
}

/// One request to fal: the body, and by its type the endpoint.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Input {
    Schnell(Schnell),
    FluxTwoEdit(FluxTwoEdit),
    FluxGeneral(FluxGeneral),
}

impl Input {
    pub fn endpoint(&self) -> &'static str {
        match self {
            Self::Schnell(_) => Schnell::ENDPOINT,
            Self::FluxTwoEdit(_) => FluxTwoEdit::ENDPOINT,
            Self::FluxGeneral(_) => FluxGeneral::ENDPOINT,
        }
    }

    /// fal's likely price of one picture in US dollars. An edited picture has the size of the first photo, because
    /// `image_size` is not sent.
    pub fn estimated_usd(&self) -> f64 {
        match self {
            Self::Schnell(_) => SCHNELL_USD * Megapixels::ONE.count(),
            Self::FluxTwoEdit(edit) => {
                let sizes = edit.sizes.first().into_iter().chain(&edit.sizes);
                FLUX_TWO_EDIT_USD * sizes.map(|size| size.count()).sum::<f64>()
            }
            Self::FluxGeneral(general) => FLUX_GENERAL_USD * general.size.count(),
        }
    }

    /// The body without the secrets of its URLs: fit for a response, a log and a table.
    pub fn shown(&self) -> Value {
        let mut shown = self.clone();
        let urls: Vec<&mut String> = match &mut shown {
            Self::Schnell(_) => Vec::new(),
            Self::FluxTwoEdit(FluxTwoEdit { image_urls, loras, .. }) => {
                image_urls.iter_mut().chain(loras.iter_mut().map(|lora| &mut lora.path)).collect()
            }
            Self::FluxGeneral(FluxGeneral { image_url, loras, .. }) => {
                std::iter::once(image_url).chain(loras.iter_mut().map(|lora| &mut lora.path)).collect()
            }
        };
        urls.into_iter().for_each(|url| *url = without_secrets(url));
        serde_json::to_value(shown).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(input: &Input) -> String {
        serde_json::to_string_pretty(input).expect("serialisable")
    }

    /// A photo of so many pixels at `url`.
    fn photo(url: &str, pixels: u64) -> SentPhoto {
        SentPhoto { url: url.to_owned(), size: Megapixels::of(pixels) }
    }

    #[test]
    fn a_picture_is_charged_for_its_pixels_and_flux_2_for_those_of_its_photos() {
        let edit = |pixels: &[u64]| {
            let photos = pixels.iter().map(|pixels| photo("https://b/p.jpg", *pixels)).collect();
            Input::FluxTwoEdit(FluxTwoEdit::new("a bag".into(), photos, 7, Vec::new()))
        };
        let general = |pixels| {
            Input::FluxGeneral(FluxGeneral::new(
                "a bag".into(),
                photo("https://b/p.jpg", pixels),
                7,
                Vec::new(),
            ))
        };
        for (input, usd) in [
            (Input::Schnell(Schnell::new("a bag".into(), 7)), 0.003),
            (edit(&[1_000_000]), 2.0 * 0.021),
            // A photo of a phone counts four, and so does the picture.
            (edit(&[12_000_000]), 8.0 * 0.021),
            (edit(&[2_000_000, 12_000_000, 300_000]), (2.0 + 2.0 + 4.0 + 1.0) * 0.021),
            (general(1_000_000), 0.075),
            (general(12_000_000), 4.0 * 0.075),
        ] {
            assert!((input.estimated_usd() - usd).abs() < 1e-9, "{input:?}: {}", input.estimated_usd());
        }
    }

    #[test]
    fn text_to_image_is_sent_as_documented() {
        insta::assert_snapshot!(sent(&Input::Schnell(Schnell::new("a bag".into(), 7))), @r#"
        {
          "prompt": "a bag",
          "image_size": "square_hd",
          "num_inference_steps": 7,
          "guidance_scale": 3.5
        }
        "#);
    }

    #[test]
    fn editing_is_sent_as_documented() {
        let weights = "https://weights.example/mine.safetensors?token=s";
        let loras =
            vec![Lora { path: "owner/lora".into(), scale: 1.0 }, Lora { path: weights.into(), scale: 0.5 }];
        let photos = vec![photo("https://b/face.jpg?X-Amz-Signature=s", 1)];
        let input = Input::FluxTwoEdit(FluxTwoEdit::new("a bag".into(), photos.clone(), 4, loras));
        insta::assert_snapshot!(sent(&input), @r#"
        {
          "prompt": "a bag",
          "image_urls": [
            "https://b/face.jpg?X-Amz-Signature=s"
          ],
          "num_inference_steps": 4,
          "guidance_scale": 3.5,
          "strength": 0.65,
          "loras": [
            {
              "path": "owner/lora",
              "scale": 1.0
            },
            {
              "path": "https://weights.example/mine.safetensors?token=s",
              "scale": 0.5
            }
          ]
        }
        "#);
        assert_eq!(input.shown()["image_urls"][0], "https://b/face.jpg");
        assert_eq!(input.shown()["loras"][1]["path"], "https://weights.example/mine.safetensors");
        let without = Input::FluxTwoEdit(FluxTwoEdit::new("a bag".into(), photos, 4, Vec::new()));
        assert!(!sent(&without).contains("loras"));
    }

    #[test]
    fn one_photo_is_sent_with_both_names_of_its_strength() {
        let photo = photo("https://b/face.jpg?X-Amz-Signature=s", 1);
        let input = Input::FluxGeneral(FluxGeneral::new("a bag".into(), photo, 7, Vec::new()));
        insta::assert_snapshot!(sent(&input), @r#"
        {
          "prompt": "a bag",
          "image_url": "https://b/face.jpg?X-Amz-Signature=s",
          "image_strength": 0.5,
          "strength": 0.5,
          "num_inference_steps": 7,
          "guidance_scale": 3.5
        }
        "#);
        assert_eq!(input.shown()["image_url"], "https://b/face.jpg");
    }
}
