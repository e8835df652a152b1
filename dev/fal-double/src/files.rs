//! The pictures that were made: kept in memory or in a folder, served under random names.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answers::Answer;
use super::models::Format;
use super::{FalDouble, locked};

/// How many pictures are kept; the oldest go first.
const MOST_FILES: usize = 500;

/// A store of the newest pictures. fal's own are public to whoever has the link, and so are these.
pub struct Files {
    folder: Option<PathBuf>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Oldest first.
    names: VecDeque<String>,
    /// Empty when a folder holds the bytes.
    in_memory: HashMap<String, Bytes>,
}

impl Files {
    /// A store in memory, or in a folder whose pictures of an earlier run are found again.
    pub fn new(folder: Option<PathBuf>) -> Self {
        let mut names = VecDeque::new();
        if let Some(folder) = &folder {
            if let Err(error) = std::fs::create_dir_all(folder) {
                tracing::warn!(folder = %folder.display(), %error, "the pictures' folder cannot be made");
            }
            let mut found: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
            found.sort_by_key(|entry| entry.metadata().and_then(|about| about.modified()).ok());
            names.extend(found.iter().filter_map(|entry| entry.file_name().into_string().ok()));
        }
        Self { folder, kept: Mutex::new(Kept { names, in_memory: HashMap::new() }) }
    }

    /// Keeps a picture and returns its name. Blocks when a folder is used.
    pub fn keep(&self, format: Format, bytes: Bytes) -> std::io::Result<String> {
        let name = format!("{}.{}", uuid::Uuid::new_v4().simple(), format.name());
        match &self.folder {
            Some(folder) => std::fs::write(folder.join(&name), bytes)?,
            None => drop(locked(&self.kept).in_memory.insert(name.clone(), bytes)),
        }
        let mut kept = locked(&self.kept);
        kept.names.push_back(name.clone());
        while kept.names.len() > MOST_FILES {
            let Some(oldest) = kept.names.pop_front() else {
                break;
            };
            kept.in_memory.remove(&oldest);
            if let Some(folder) = &self.folder {
                // A picture that someone removed already is as good as removed here.
                let _ = std::fs::remove_file(folder.join(oldest));
            }
        }
        Ok(name)
    }

    /// The bytes of a picture. Blocks when a folder is used.
    fn find(&self, name: &str) -> Option<Bytes> {
        let kept = locked(&self.kept);
        // Only names that were given out are looked for, so that no path can lead out of the folder.
        let known = kept.names.iter().any(|kept| kept == name);
        match &self.folder {
            _ if !known => None,
            Some(folder) => std::fs::read(folder.join(name)).ok().map(Bytes::from),
            None => kept.in_memory.get(name).cloned(),
        }
    }
}

/// `GET /files/{name}`: a picture, without a key, and cacheable for ever because names are never used twice.
pub async fn serve(State(fal): State<FalDouble>, Path(name): Path<String>) -> Response {
    let content_type = match name.rsplit_once('.') {
        Some((_, "jpeg")) => "image/jpeg",
        Some((_, "png")) => "image/png",
        Some((_, "webp")) => "image/webp",
        _ => "application/octet-stream",
    };
    let found = tokio::task::spawn_blocking(move || fal.0.files.find(&name)).await;
    match found.ok().flatten() {
        Some(bytes) => {
            let headers = [
                (header::CONTENT_TYPE, content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            ];
            (headers, bytes).into_response()
        }
        None => Answer::bare(StatusCode::NOT_FOUND, "File not found").into_response(),
    }
}
