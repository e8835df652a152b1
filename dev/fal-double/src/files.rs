//! The finished pictures: kept in memory or in a folder, served under random names.

use std::path::PathBuf;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use image::ImageFormat;
use indexmap::IndexMap;

use super::responses::FalResponse;
use super::{FalDouble, locked};

/// How many pictures are kept; the oldest go first.
const MOST_FILES: usize = 500;

/// A store of the newest pictures. Like fal's own, they are public to everyone who has the link.
pub struct Files {
    folder: Option<PathBuf>,
    /// By name, oldest first; `None` for the bytes when the folder has them.
    kept: Mutex<IndexMap<String, Option<Bytes>>>,
}

impl Files {
    /// A store in memory, or in a folder that may hold pictures of an earlier run.
    pub fn new(folder: Option<PathBuf>) -> Self {
        let mut kept = IndexMap::new();
        if let Some(folder) = &folder {
            if let Err(error) = std::fs::create_dir_all(folder) {
                tracing::warn!(folder = %folder.display(), %error, "the folder for pictures cannot be created");
            }
            let mut found: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
            found.sort_by_key(|entry| entry.metadata().and_then(|metadata| metadata.modified()).ok());
            let names = found.iter().filter_map(|entry| entry.file_name().into_string().ok());
            kept.extend(names.map(|name| (name, None)));
        }
        Self { folder, kept: Mutex::new(kept) }
    }

    /// Keeps a picture and returns its name. Blocks when a folder is used.
    pub fn keep(&self, extension: &str, bytes: Bytes) -> std::io::Result<String> {
        let name = format!("{}.{extension}", uuid::Uuid::new_v4().simple());
        let in_memory = match &self.folder {
            Some(folder) => std::fs::write(folder.join(&name), bytes).map(|()| None)?,
            None => Some(bytes),
        };
        let mut kept = locked(&self.kept);
        kept.insert(name.clone(), in_memory);
        while kept.len() > MOST_FILES
            && let Some((oldest, _)) = kept.shift_remove_index(0)
        {
            if let Some(folder) = &self.folder {
                // The file may already be deleted.
                let _ = std::fs::remove_file(folder.join(oldest));
            }
        }
        Ok(name)
    }

    /// The bytes of a picture. Blocks when a folder is used.
    fn find(&self, name: &str) -> Option<Bytes> {
        // Only names that were given out are looked for, so that no path can lead out of the folder.
        match (locked(&self.kept).get(name)?, &self.folder) {
            (None, Some(folder)) => std::fs::read(folder.join(name)).ok().map(Bytes::from),
            (in_memory, _) => in_memory.clone(),
        }
    }
}

/// `GET /files/{name}`: a picture, without a key. It can be cached for ever, because names are never used
/// twice.
pub async fn serve(State(fal): State<FalDouble>, Path(name): Path<String>) -> Response {
    let format = ImageFormat::from_path(&name).ok();
    let found = tokio::task::spawn_blocking(move || fal.0.files.find(&name)).await;
    match found.ok().flatten() {
        Some(bytes) => {
            let headers = [
                (header::CONTENT_TYPE, format.map_or("application/octet-stream", |f| f.to_mime_type())),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            ];
            (headers, bytes).into_response()
        }
        None => FalResponse::bare(StatusCode::NOT_FOUND, "File not found").into_response(),
    }
}
