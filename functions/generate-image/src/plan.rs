//! The plan of a batch: the body for fal, the photos to store, the record to keep.

use std::time::Duration;

use common::fal::{FluxGeneral, FluxTwoEdit, ImageToImageModel, Input, Schnell, SentPhoto};
use common::generations::{Job, Mode, PhotoCount};
use common::identity::UserId;
use common::ids::AttemptId;
use common::photos::Photo;
use common::uploads::{ObjectKey, UploadError, Uploads};

use crate::batch::{BatchConfig, PhotoDelivery};
use crate::request::{GenerationRequest, PhotoSource};

/// The plan of a batch.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Sent to fal, twice.
    pub input: Input,
    /// Stored before that.
    pub photos: Vec<(ObjectKey, Photo)>,
    /// Recorded.
    pub job: Job,
}

impl Plan {
    /// Plans a text-to-image batch.
    pub fn from_text(request: GenerationRequest, batch: &BatchConfig) -> Self {
        let input = Input::Schnell(Schnell::new(request.prompt, batch.steps.count()));
        let job = job(PhotoCount::default(), Mode::TextToImage, &input, Vec::new());
        Self { input, photos: Vec::new(), job }
    }

    /// Plans an image-to-image batch, whose photos can be fetched for `fetchable_for`. The photos' URLs are signed
    /// here, before anything is stored or held, so a URL that fal would refuse costs nothing.
    pub async fn from_photos(
        request: GenerationRequest,
        batch: &BatchConfig,
        delivery: PhotoDelivery,
        uploads: &Uploads,
        user: &UserId,
        attempt: AttemptId,
        fetchable_for: Duration,
    ) -> Result<Self, UploadError> {
        let photo_count = request.photo_count();
        let GenerationRequest { prompt, photos: mut sent, loras } = request;
        let dropped = sent.split_off(batch.image_to_image.max_photos().min(sent.len()));
        let dropped = dropped.into_iter().map(|(role, _)| role.field()).collect();
        let mut photos = Vec::new();
        let mut for_fal = Vec::new();
        for (role, photo) in sent {
            let signed = |key: &ObjectKey| Ok(uploads.presign_get(key, fetchable_for)?.expose().to_owned());
            let size = photo.size();
            let url = match (photo, delivery) {
                (PhotoSource::Inline(photo), PhotoDelivery::PresignedUrl) => {
                    let key = ObjectKey::photo(user, attempt, &role.object_name(), photo.format());
                    let url = signed(&key)?;
                    photos.push((key, photo));
                    url
                }
                (PhotoSource::Inline(photo), PhotoDelivery::DataUrl) => photo.to_data_url(),
                (PhotoSource::Uploaded { id, .. }, PhotoDelivery::PresignedUrl) => {
                    signed(&ObjectKey::upload(user, id))?
                }
                (PhotoSource::Uploaded { id, .. }, PhotoDelivery::DataUrl) => {
                    uploads.to_data_url(&ObjectKey::upload(user, id)).await?
                }
            };
            for_fal.push(SentPhoto { url, size });
        }
        let steps = batch.steps.count();
        let input = match batch.image_to_image {
            ImageToImageModel::FluxTwoEdit => {
                Input::FluxTwoEdit(FluxTwoEdit::new(prompt, for_fal, steps, loras))
            }
            ImageToImageModel::FluxGeneral => {
                let photo = for_fal.into_iter().next().expect("a batch of photos has one");
                Input::FluxGeneral(FluxGeneral::new(prompt, photo, steps, loras))
            }
        };
        let job = job(photo_count, Mode::ImageToImage, &input, dropped);
        Ok(Self { input, photos, job })
    }
}

fn job(photos: PhotoCount, mode: Mode, input: &Input, dropped_inputs: Vec<String>) -> Job {
    let (model, payload) = (input.endpoint().to_owned(), input.shown());
    Job { mode, model, photos, dropped_inputs, payload }
}
