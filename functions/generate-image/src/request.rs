//! The request's body, validated as a whole.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use common::fal::{FluxTwoEdit, ImageToImageModel, Lora, Megapixels};
use common::generations::PhotoCount;
use common::photos::{Photo, PhotoError};
use common::prompt::{self, MAX_PROMPT_CHARS, Options};
use common::uploads::UploadId;
use common::validation::{FaultKind, Faults, Fields};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::batch::BatchConfig;
use crate::loras;

/// The operator sets these for everybody. A client that sends one gets an error that says so.
const LOCKED: [&str; 6] =
    ["model", "num_inference_steps", "guidance_scale", "image_size", "strength", "image_strength"];

/// Most photos of one request, for a model that takes fewer and leaves the others out.
const MAX_PHOTOS: usize = 20;

/// What a photo shows, in the order in which photos are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Role {
    Face,
    /// A product, by its place in the list.
    Product(usize),
    Background,
}

impl Role {
    /// The field that brought it, as `dropped_inputs` names it.
    pub fn field(self) -> String {
        match self {
            Self::Face => "face_image".to_owned(),
            Self::Product(index) => format!("product_images[{index}]"),
            Self::Background => "background_image".to_owned(),
        }
    }

    /// Its name in the bucket, without an extension.
    pub fn object_name(self) -> String {
        match self {
            Self::Face => "face".to_owned(),
            Self::Product(index) => format!("product-{}", index + 1),
            Self::Background => "background".to_owned(),
        }
    }

    fn pointer(self) -> String {
        match self {
            Self::Face => "/face_image".to_owned(),
            Self::Product(index) => format!("/product_images/{index}"),
            Self::Background => "/background_image".to_owned(),
        }
    }
}

/// A photo as the request brings it.
#[derive(Debug)]
pub(crate) enum PhotoSource {
    /// In the body itself.
    Inline(Photo),
    /// Uploaded before. Whether the object exists and is a photo is known when `pixels` is.
    Uploaded {
        id: UploadId,
        /// Its size, from its inspection.
        pixels: Option<u64>,
    },
}

impl PhotoSource {
    /// Its size as fal counts it.
    pub fn size(&self) -> Megapixels {
        match self {
            Self::Inline(photo) => Megapixels::of(photo.pixels()),
            Self::Uploaded { pixels, .. } => Megapixels::of(pixels.unwrap_or_default()),
        }
    }
}

/// A request that can run.
#[derive(Debug)]
pub(crate) struct GenerationRequest {
    pub prompt: String,
    /// The photos, in the order in which they are sent.
    pub photos: Vec<(Role, PhotoSource)>,
    /// Extra weights.
    pub loras: Vec<Lora>,
}

impl GenerationRequest {
    /// Reads a body as the operator's `batch` allows. All its faults are found at once.
    pub fn read(body: Map<String, Value>, batch: &BatchConfig) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut fields = Fields::new(body, "", &mut faults);
        let prompt = read_prompt(&mut fields);
        let given = given_photos(&mut fields);
        let has_none = given.is_empty();
        let photos = read_photos(&mut fields, given, batch.image_to_image);
        let loras = loras::read(&mut fields, &batch.lora_hosts);
        if !loras.is_empty() && has_none {
            fields.invalid("loras", "need a photo: the model that works without photos takes no LoRAs");
        }
        fields.refuse_rest(|name| match LOCKED.contains(&name) {
            true => "is locked: it is the same for everybody and cannot be set".to_owned(),
            false => "is not a field of this request".to_owned(),
        });
        faults.or_some(prompt.map(|prompt| Self { prompt, photos, loras }))
    }

    /// Which photos it brought.
    pub fn photo_count(&self) -> PhotoCount {
        let has = |role| self.photos.iter().any(|(found, _)| *found == role);
        let products = self.photos.iter().filter(|(role, _)| matches!(role, Role::Product(_))).count();
        PhotoCount { face: has(Role::Face), products, background: has(Role::Background) }
    }

    /// SHA-256 of the request's meaning, in Base64: the same for two bodies that mean the same.
    pub fn hash(&self) -> String {
        let content = |photo: &PhotoSource| match photo {
            PhotoSource::Inline(photo) => BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(photo.bytes())),
            PhotoSource::Uploaded { id, .. } => format!("upload:{id}"),
        };
        let photos: Vec<_> = self.photos.iter().map(|(role, photo)| (role, content(photo))).collect();
        let meaning = serde_json::to_vec(&(&self.prompt, photos, &self.loras)).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(meaning))
    }
}

/// Reads exactly one of `prompt` and `options`. A blank prompt counts as absent.
fn read_prompt(fields: &mut Fields<'_>) -> Option<String> {
    let prompt = fields.text("prompt", MAX_PROMPT_CHARS);
    match (prompt, fields.take("options")) {
        (Some(_), Some(_)) => {
            fields.invalid("options", "must not be given together with prompt");
            None
        }
        (Some(prompt), None) => Some(prompt),
        (None, Some(Value::Object(options))) => {
            let pointer = fields.pointer("options");
            Options::read(Fields::new(options, &pointer, fields.faults()))
                .map(|options| prompt::build(&options))
        }
        (None, Some(_)) => {
            fields.invalid("options", "must be an object");
            None
        }
        (None, None) => {
            fields.missing("prompt", "is required, unless options are given");
            None
        }
    }
}

/// Most photos of one request for `model`. Photos that the model has no place for are left out.
pub fn most_photos(model: ImageToImageModel) -> usize {
    match model {
        ImageToImageModel::FluxTwoEdit => FluxTwoEdit::MAX_PHOTOS,
        ImageToImageModel::FluxGeneral => MAX_PHOTOS,
    }
}

/// Whether `body` has photos, which take time to read.
pub fn has_photos(body: &Map<String, Value>) -> bool {
    ["face_image", "product_images", "background_image"].iter().any(|field| match body.get(*field) {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(value) => !is_blank(value),
    })
}

/// Front ends send empty form fields, so a blank text counts as absent.
fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The photos of the request, unread, in the order in which they are sent.
fn given_photos(fields: &mut Fields<'_>) -> Vec<(Role, Value)> {
    let mut single = |field: &str, role| {
        let value = fields.take(field).filter(|value| !is_blank(value));
        value.map(|value| (role, value))
    };
    let (face, background) = (single("face_image", Role::Face), single("background_image", Role::Background));
    let products = fields.list("product_images").into_iter().enumerate();
    let products = products.map(|(index, value)| (Role::Product(index), value));
    face.into_iter().chain(products).chain(background).collect()
}

fn read_photos(
    fields: &mut Fields<'_>,
    given: Vec<(Role, Value)>,
    model: ImageToImageModel,
) -> Vec<(Role, PhotoSource)> {
    let most = most_photos(model);
    if given.len() > most {
        fields.invalid(
            "product_images",
            format!("together with face and background, at most {most} photos can be sent"),
        );
    }
    let mut photos = Vec::new();
    for (role, value) in given.into_iter().take(MAX_PHOTOS) {
        match value.as_str().map(read_photo) {
            Some(Ok(photo)) => photos.push((role, photo)),
            Some(Err(error)) => note(fields.faults(), role, error),
            None => fields.faults().invalid(role.pointer(), PhotoError::Malformed.to_string()),
        }
    }
    photos
}

/// `upload:<upload_id>`, or a picture itself.
fn read_photo(text: &str) -> Result<PhotoSource, PhotoError> {
    match text.trim().strip_prefix("upload:") {
        Some(id) => {
            let id = UploadId::parse(id).ok_or(PhotoError::NoSuchUpload)?;
            Ok(PhotoSource::Uploaded { id, pixels: None })
        }
        None => Photo::parse(text).map(PhotoSource::Inline),
    }
}

/// Notes what is wrong with a photo.
pub(crate) fn note(faults: &mut Faults, role: Role, error: PhotoError) {
    let kind = match error {
        PhotoError::Malformed => FaultKind::Malformed,
        PhotoError::TooManyBytes | PhotoError::TooManyPixels => FaultKind::TooLarge,
        PhotoError::NotAnImage | PhotoError::NoSuchUpload => FaultKind::NotAnImage,
    };
    faults.add(kind, role.pointer(), error.to_string());
}
