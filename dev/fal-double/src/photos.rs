//! Fetches and decodes the photos that a request names.

use std::collections::{HashMap, VecDeque};
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use serde_json::{Value, json};

use super::locked;
use super::sizes::Size;

/// fal fetches a photo in at most this time.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// fal follows at most this many redirects.
const MOST_REDIRECTS: usize = 5;
/// The largest file that fal fetches, in bytes: 50 MiB.
const LARGEST_FILE: usize = 50 << 20;
/// About the largest data URI that fal takes, in decoded bytes: 10 MiB.
const LARGEST_DATA_URI: usize = 10 << 20;
/// The longest side of a photo that fal takes, in pixels.
const LONGEST_SIDE: u32 = 14_142;
/// The longest side of the copy that is kept for drawing, in pixels.
const PREVIEW_SIDE: u32 = 1024;
/// How many photos are remembered.
const MOST_CACHED: usize = 50;

/// A decoded photo, upright and without transparency.
pub struct Photo {
    /// The size it was sent in.
    pub size: Size,
    /// A copy of at most 1,024 pixels a side.
    pub preview: RgbImage,
}

/// Why a photo cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// The URL did not answer with a file.
    #[error("Failed to download the file. Please check if the URL is accessible and try again.")]
    Download,
    /// The file is not a picture that can be decoded.
    #[error(
        "Failed to load the image. Please ensure the image file is not corrupted and is in a supported format."
    )]
    Load,
    /// The file has more bytes than this.
    #[error("File size exceeds the maximum allowed size of {0} bytes.")]
    TooManyBytes(usize),
    /// A side has too many pixels.
    #[error("Image dimensions are too large. Maximum dimensions are {LONGEST_SIDE}x{LONGEST_SIDE} pixels.")]
    TooManyPixels,
}

impl PhotoError {
    /// The `type` of the error.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Download => "file_download_error",
            Self::Load => "image_load_error",
            Self::TooManyBytes(_) => "file_too_large",
            Self::TooManyPixels => "image_too_large",
        }
    }

    /// The limit that was broken.
    pub fn ctx(self) -> Option<Value> {
        match self {
            Self::Download | Self::Load => None,
            Self::TooManyBytes(limit) => Some(json!({ "max_size": limit })),
            Self::TooManyPixels => Some(json!({ "max_height": LONGEST_SIDE, "max_width": LONGEST_SIDE })),
        }
    }
}

/// A client for servers on this machine: it uses no proxy and trusts nobody over TLS.
pub(crate) fn client_without_tls() -> reqwest::ClientBuilder {
    // reqwest's TLS is built in for the functions, and cannot be left out without a provider of its ciphers.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// Fetches photos and remembers them by their exact URL, as fal does: an object that is overwritten under
/// the same URL is not seen.
pub struct Photos {
    client: reqwest::Client,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    photos: HashMap<String, Arc<Photo>>,
    order: VecDeque<String>,
}

impl Photos {
    /// A fetcher with fal's limits. It never uses a proxy: the photos live on this machine.
    pub fn new() -> Self {
        let client = client_without_tls()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTS))
            .build()
            .expect("constant settings are valid");
        Self { client, cache: Mutex::default() }
    }

    /// The photo behind a URL or data URI. The content type is ignored: the bytes decide.
    pub async fn fetch(&self, url: &str) -> Result<Arc<Photo>, PhotoError> {
        if let Some(data) = url.strip_prefix("data:") {
            return decode_in_background(data_uri_bytes(data)?).await;
        }
        if let Some(photo) = locked(&self.cache).photos.get(url) {
            return Ok(Arc::clone(photo));
        }
        let photo = decode_in_background(self.download(url).await?).await?;
        self.remember(url, &photo);
        Ok(photo)
    }

    async fn download(&self, url: &str) -> Result<Vec<u8>, PhotoError> {
        let response = self.client.get(url).send().await;
        let mut response =
            response.and_then(reqwest::Response::error_for_status).map_err(|_| PhotoError::Download)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| PhotoError::Download)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST_FILE {
                return Err(PhotoError::TooManyBytes(LARGEST_FILE));
            }
        }
        Ok(bytes)
    }

    fn remember(&self, url: &str, photo: &Arc<Photo>) {
        let mut cache = locked(&self.cache);
        if cache.photos.insert(url.to_owned(), Arc::clone(photo)).is_none() {
            cache.order.push_back(url.to_owned());
        }
        if cache.order.len() > MOST_CACHED
            && let Some(oldest) = cache.order.pop_front()
        {
            cache.photos.remove(&oldest);
        }
    }
}

fn data_uri_bytes(data: &str) -> Result<Vec<u8>, PhotoError> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let (_, encoded) =
        data.split_once(',').filter(|(label, _)| label.ends_with(";base64")).ok_or(PhotoError::Load)?;
    let bytes = LENIENT.decode(encoded.trim()).map_err(|_| PhotoError::Load)?;
    if bytes.len() > LARGEST_DATA_URI {
        return Err(PhotoError::TooManyBytes(LARGEST_DATA_URI));
    }
    Ok(bytes)
}

async fn decode_in_background(bytes: Vec<u8>) -> Result<Arc<Photo>, PhotoError> {
    let decoded = tokio::task::spawn_blocking(move || decode(bytes)).await;
    decoded.unwrap_or(Err(PhotoError::Load)).map(Arc::new)
}

fn decode(bytes: Vec<u8>) -> Result<Photo, PhotoError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut decoder = reader.map_err(|_| PhotoError::Load)?.into_decoder().map_err(|_| PhotoError::Load)?;
    let (width, height) = decoder.dimensions();
    if width > LONGEST_SIDE || height > LONGEST_SIDE {
        return Err(PhotoError::TooManyPixels);
    }
    let orientation = decoder.orientation().map_err(|_| PhotoError::Load)?;
    let photo = DynamicImage::from_decoder(decoder).map_err(|_| PhotoError::Load)?;
    let mut preview = match width.max(height) {
        ..=PREVIEW_SIDE => photo,
        _ => photo.thumbnail(PREVIEW_SIDE, PREVIEW_SIDE),
    };
    // The camera's rotation is applied: a phone's portrait is stored lying down.
    preview.apply_orientation(orientation);
    let size = match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => Size { width: height, height: width },
        _ => Size { width, height },
    };
    Ok(Photo { size, preview: flattened(preview) })
}

/// Transparency becomes white.
fn flattened(photo: DynamicImage) -> RgbImage {
    if !photo.color().has_alpha() {
        return photo.into_rgb8();
    }
    let photo = photo.into_rgba8();
    let mut opaque = Vec::with_capacity(photo.len() / 4 * 3);
    for pixel in photo.as_raw().chunks_exact(4) {
        let alpha = u16::from(pixel[3]);
        for channel in &pixel[..3] {
            opaque.push(((u16::from(*channel) * alpha + 255 * (255 - alpha)) / 255) as u8);
        }
    }
    RgbImage::from_raw(photo.width(), photo.height(), opaque).unwrap_or_default()
}
