//! Fetches and decodes the photos that a request names.

use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use image::{DynamicImage, ImageDecoder, ImageReader};
use indexmap::IndexMap;
use serde_json::json;

use super::lax::Refusal;
use super::locked;
use super::sizes::Size;

/// fal fetches a photo in at most this time.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
/// fal follows at most this many redirects.
const MOST_REDIRECTS: usize = 5;
/// The largest file that fal fetches, in bytes: 50 MiB.
const LARGEST_FILE: usize = 50 << 20;
/// About the largest data URI that fal accepts, in decoded bytes: 10 MiB.
const LARGEST_DATA_URI: usize = 10 << 20;
/// The longest side of a photo that fal accepts, in pixels.
const LONGEST_SIDE: u32 = 14_142;
/// The longest side of the copy that is drawn, in pixels.
const PREVIEW_SIDE: u32 = 512;
/// How many photos are remembered; the oldest go first.
const MOST_CACHED: usize = 50;

/// A decoded photo, upright.
pub struct Photo {
    /// The size in which it was sent.
    pub size: Size,
    /// A copy of at most 512 pixels a side.
    pub preview: DynamicImage,
}

/// The URL does not lead to a file.
pub fn not_downloaded() -> Refusal {
    const MSG: &str = "Failed to download the file. Please check if the URL is accessible and try again.";
    Refusal::new("file_download_error", MSG)
}

/// The file cannot be decoded as a picture.
pub fn not_loaded() -> Refusal {
    let msg = "Failed to load the image. Please ensure the image file is not corrupted and is in a supported \
               format.";
    Refusal::new("image_load_error", msg)
}

/// The file has more bytes than `limit`.
fn too_many_bytes(limit: usize) -> Refusal {
    let msg = format!("File size exceeds the maximum allowed size of {limit} bytes.");
    Refusal::new("file_too_large", msg).with_ctx(json!({ "max_size": limit }))
}

/// A side has too many pixels.
pub fn too_many_pixels() -> Refusal {
    let limit = format!("{LONGEST_SIDE}x{LONGEST_SIDE}");
    let msg = format!("Image dimensions are too large. Maximum dimensions are {limit} pixels.");
    let ctx = json!({ "max_height": LONGEST_SIDE, "max_width": LONGEST_SIDE });
    Refusal::new("image_too_large", msg).with_ctx(ctx)
}

/// A client for servers on this machine: it uses no proxy and trusts nobody over TLS.
pub(crate) fn client_without_tls() -> reqwest::ClientBuilder {
    // reqwest's TLS is built in for the functions, and cannot be left out without a provider of its ciphers.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// Fetches photos and remembers them by their exact URL, as fal does: an object that is overwritten under
/// the same URL is not fetched again.
pub struct Photos {
    client: reqwest::Client,
    cache: Mutex<IndexMap<String, Arc<Photo>>>,
}

impl Photos {
    /// A fetcher with fal's limits. It never uses a proxy: the photos are on this machine.
    pub fn new() -> Self {
        let client = client_without_tls()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTS))
            .build()
            .expect("constant settings are valid");
        Self { client, cache: Mutex::default() }
    }

    /// The photo behind a URL or data URI. The content type is ignored: the bytes decide.
    pub async fn fetch(&self, url: &str) -> Result<Arc<Photo>, Refusal> {
        if let Some(data) = url.strip_prefix("data:") {
            return decode_in_background(data_uri_bytes(data)?).await;
        }
        if let Some(photo) = locked(&self.cache).get(url) {
            return Ok(Arc::clone(photo));
        }
        let photo = decode_in_background(self.download(url).await?).await?;
        let mut cache = locked(&self.cache);
        cache.insert(url.to_owned(), Arc::clone(&photo));
        if cache.len() > MOST_CACHED {
            cache.shift_remove_index(0);
        }
        Ok(photo)
    }

    async fn download(&self, url: &str) -> Result<Vec<u8>, Refusal> {
        let response = self.client.get(url).send().await;
        let mut response =
            response.and_then(reqwest::Response::error_for_status).map_err(|_| not_downloaded())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| not_downloaded())? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST_FILE {
                return Err(too_many_bytes(LARGEST_FILE));
            }
        }
        Ok(bytes)
    }
}

fn data_uri_bytes(data: &str) -> Result<Vec<u8>, Refusal> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let (_, encoded) =
        data.split_once(',').filter(|(label, _)| label.ends_with(";base64")).ok_or_else(not_loaded)?;
    let bytes = LENIENT.decode(encoded.trim()).map_err(|_| not_loaded())?;
    if bytes.len() > LARGEST_DATA_URI {
        return Err(too_many_bytes(LARGEST_DATA_URI));
    }
    Ok(bytes)
}

async fn decode_in_background(bytes: Vec<u8>) -> Result<Arc<Photo>, Refusal> {
    let decoded = tokio::task::spawn_blocking(move || decode(bytes)).await;
    decoded.unwrap_or_else(|_| Err(not_loaded())).map(Arc::new)
}

fn decode(bytes: Vec<u8>) -> Result<Photo, Refusal> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut decoder = reader.map_err(|_| not_loaded())?.into_decoder().map_err(|_| not_loaded())?;
    let (width, height) = decoder.dimensions();
    if width > LONGEST_SIDE || height > LONGEST_SIDE {
        return Err(too_many_pixels());
    }
    // A phone's portrait is stored lying down, with its rotation beside it.
    let orientation = decoder.orientation().map_err(|_| not_loaded())?;
    let mut photo = DynamicImage::from_decoder(decoder).map_err(|_| not_loaded())?;
    photo.apply_orientation(orientation);
    let size = Size { width: photo.width(), height: photo.height() };
    let preview = match size.width.max(size.height) {
        ..=PREVIEW_SIDE => photo,
        _ => photo.thumbnail(PREVIEW_SIDE, PREVIEW_SIDE),
    };
    Ok(Photo { size, preview })
}
