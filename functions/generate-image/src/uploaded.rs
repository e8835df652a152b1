//! Checks of photos that were uploaded before: that they exist, are the caller's own, and are pictures.

use common::identity::UserId;
use common::uploads::{InspectError, ObjectKey, UploadError, Uploads};
use common::validation::Faults;
use futures::future::try_join_all;

use crate::request::{GenerationRequest, PhotoSource, note};

/// Everything wrong with the uploaded photos of `request`, which learns the sizes of the others. All are inspected at
/// the same time.
pub(crate) async fn check(
    uploads: &Uploads,
    user: &UserId,
    request: &mut GenerationRequest,
) -> Result<Faults, UploadError> {
    let uploaded = request.photos.iter_mut().filter_map(|(role, photo)| match photo {
        PhotoSource::Uploaded { id, pixels } => Some((*role, ObjectKey::upload(user, *id), pixels)),
        PhotoSource::Inline(_) => None,
    });
    let inspected = uploaded.map(|(role, key, pixels)| async move {
        match uploads.inspect(&key).await {
            Ok(header) => {
                *pixels = Some(header.pixels);
                Ok(None)
            }
            Err(InspectError::Photo(error)) => Ok(Some((role, error))),
            Err(InspectError::Upload(error)) => Err(error),
        }
    });
    let mut faults = Faults::default();
    for (role, error) in try_join_all(inspected).await?.into_iter().flatten() {
        note(&mut faults, role, error);
    }
    Ok(faults)
}
