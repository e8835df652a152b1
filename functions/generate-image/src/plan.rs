//! From a valid request to what will be done: the body for fal, the photos to store, the record to keep.

use common::config::{BatchConfig, PhotoDelivery};
use common::fal::{FluxGeneral, FluxTwoEdit, ImageToImageModel, Input, Schnell};
use common::generations::{AttemptId, Job, Mode};
use common::identity::UserId;
use common::photos::{Photo, PhotoFormat};
use common::uploads::{ObjectKey, UploadError, Uploads};

use crate::request::{GenerationRequest, PhotoSource, Role};

/// What will be done.
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
        // The endpoint takes no LoRAs, and fal would drop them without a word.
        let dropped = if request.loras.is_empty() { Vec::new() } else { vec!["loras".to_owned()] };
        let input = Input::Schnell(Schnell::new(request.prompt.clone(), batch.steps.count()));
        let job = job(&request, Mode::TextToImage, &input, dropped);
        Self { input, photos: Vec::new(), job }
    }

    /// Plans an image-to-image batch. The photos' URLs are signed here, before anything is stored or held, so
    /// that a URL that fal would refuse costs nothing.
    pub async fn from_photos(
        mut request: GenerationRequest,
        batch: &BatchConfig,
        delivery: PhotoDelivery,
        uploads: &Uploads,
        user: &UserId,
        attempt: AttemptId,
    ) -> Result<Self, UploadError> {
        let photo_count = request.photo_count();
        let taken = match batch.image_to_image {
            ImageToImageModel::FluxTwoEdit => FluxTwoEdit::MAX_PHOTOS,
            ImageToImageModel::FluxGeneral => FluxGeneral::MAX_PHOTOS,
        };
        let dropped = request.photos.split_off(taken.min(request.photos.len()));
        let dropped = dropped.into_iter().map(|(role, _): (Role, PhotoSource)| role.field()).collect();
        let mut photos = Vec::new();
        let mut urls = Vec::new();
        for (role, photo) in std::mem::take(&mut request.photos) {
            let signed = async |key: &ObjectKey| Ok(uploads.presign_get(key).await?.expose().to_owned());
            urls.push(match (photo, delivery) {
                (PhotoSource::Inline(photo), PhotoDelivery::PresignedUrl) => {
                    let key = ObjectKey::photo(user, attempt, &role.object_name(), photo.format());
                    let url = signed(&key).await?;
                    photos.push((key, photo));
                    url
                }
                (PhotoSource::Inline(photo), PhotoDelivery::DataUrl) => photo.to_data_url(),
                (PhotoSource::Uploaded(id), PhotoDelivery::PresignedUrl) => {
                    signed(&ObjectKey::upload(user, id)).await?
                }
                (PhotoSource::Uploaded(id), PhotoDelivery::DataUrl) => {
                    let key = ObjectKey::upload(user, id);
                    let format = uploads.inspect(&key).await?.unwrap_or(PhotoFormat::Jpeg);
                    uploads.to_data_url(&key, format).await?
                }
            });
        }
        let (prompt, steps) = (request.prompt.clone(), batch.steps.count());
        let loras = std::mem::take(&mut request.loras);
        let input = match batch.image_to_image {
            ImageToImageModel::FluxTwoEdit => {
                Input::FluxTwoEdit(FluxTwoEdit::new(prompt, urls, steps, loras))
            }
            ImageToImageModel::FluxGeneral => {
                let url = urls.into_iter().next().unwrap_or_default();
                Input::FluxGeneral(FluxGeneral::new(prompt, url, steps, loras))
            }
        };
        let job = Job { photos: photo_count, ..job(&request, Mode::ImageToImage, &input, dropped) };
        Ok(Self { input, photos, job })
    }
}

fn job(request: &GenerationRequest, mode: Mode, input: &Input, dropped_inputs: Vec<String>) -> Job {
    Job {
        mode,
        model: input.endpoint().to_owned(),
        prompt: request.prompt.clone(),
        photos: request.photo_count(),
        dropped_inputs,
        payload: input.shown(),
    }
}
