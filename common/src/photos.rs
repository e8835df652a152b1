//! A photo from a request: decoded from its text, its format told by its bytes, its size checked against the
//! limits.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use imagesize::ImageType;
use thiserror::Error;

/// Largest inline photo, decoded: a Lambda event of 6 MB has no room for more once base64 has grown it.
pub const MAX_PHOTO_BYTES: usize = 4 * 1024 * 1024;

/// Largest photo in pixels. A small file can unpack to gigabytes; fal would refuse it after the upload.
pub const MAX_PHOTO_PIXELS: u64 = 40_000_000;

/// The first eight bytes of every PNG. `imagesize` checks four of them; the others catch files damaged by a
/// text-mode transfer.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Standard base64, padded or not: browsers pad, some clients strip.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The formats that fal reads and that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoFormat {
    Jpeg,
    Png,
    WebP,
}

impl PhotoFormat {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    /// The format of a media type.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::WebP].into_iter().find(|format| format.content_type() == content_type)
    }

    /// Tells the format and the size by a file's first bytes, and checks the size against the limit.
    pub fn of_header(bytes: &[u8]) -> Result<PhotoHeader, PhotoError> {
        let format = match imagesize::image_type(bytes) {
            Ok(ImageType::Jpeg) => Self::Jpeg,
            Ok(ImageType::Png) if bytes.starts_with(PNG_SIGNATURE) => Self::Png,
            Ok(ImageType::Webp) => Self::WebP,
            _ => return Err(PhotoError::NotAnImage),
        };
        let size = imagesize::blob_size(bytes).map_err(|_| PhotoError::NotAnImage)?;
        match (size.width as u64).saturating_mul(size.height as u64) {
            0 => Err(PhotoError::NotAnImage),
            pixels if pixels > MAX_PHOTO_PIXELS => Err(PhotoError::TooManyPixels),
            pixels => Ok(PhotoHeader { format, pixels }),
        }
    }

    /// The customary file name extension, without its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }
}

/// What the header of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhotoHeader {
    pub format: PhotoFormat,
    /// Width times height.
    pub pixels: u64,
}

/// A picture that passed the limits. Only its header was read; the pixels were not decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    bytes: Bytes,
    header: PhotoHeader,
}

/// Why a text is not an acceptable photo.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum PhotoError {
    /// Neither a base64 `data:` URL nor bare base64.
    #[error("must be an image as a base64 data: URL or as bare base64")]
    Malformed,
    /// More than [`MAX_PHOTO_BYTES`].
    #[error("must be at most {} MiB", MAX_PHOTO_BYTES / 1024 / 1024)]
    TooManyBytes,
    /// More than [`MAX_PHOTO_PIXELS`] by its header.
    #[error("must have at most {} megapixels", MAX_PHOTO_PIXELS / 1_000_000)]
    TooManyPixels,
    /// The caller has no photo with this id: never uploaded, already deleted, or another user's.
    #[error("must be an upload of yours, made within the last day")]
    NoSuchUpload,
    /// The bytes are not PNG, JPEG or WebP, whatever their label says.
    #[error("must be a PNG, JPEG or WebP image")]
    NotAnImage,
}

impl Photo {
    /// Unwraps and checks an image field. The label of a `data:` URL is ignored: the bytes tell the format.
    pub fn parse(text: &str) -> Result<Self, PhotoError> {
        let encoded = without_white_space(envelope(text.trim())?);
        if encoded.len() / 4 * 3 > MAX_PHOTO_BYTES + 2 {
            return Err(PhotoError::TooManyBytes);
        }
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| PhotoError::Malformed)?;
        Self::from_bytes(bytes)
    }

    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PhotoError> {
        if bytes.is_empty() {
            return Err(PhotoError::Malformed);
        }
        if bytes.len() > MAX_PHOTO_BYTES {
            return Err(PhotoError::TooManyBytes);
        }
        let header = PhotoFormat::of_header(&bytes)?;
        Ok(Self { bytes: bytes.into(), header })
    }

    pub fn format(&self) -> PhotoFormat {
        self.header.format
    }

    /// Its size: width times height.
    pub fn pixels(&self) -> u64 {
        self.header.pixels
    }

    /// The file's bytes, shared: a clone copies nothing.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The photo as a `data:` URL, for a fal that cannot reach the bucket.
    pub fn to_data_url(&self) -> String {
        to_data_url(self.header.format, &self.bytes)
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Photo({:?}, {} bytes)", self.header.format, self.bytes.len())
    }
}

/// A file as a `data:` URL.
pub fn to_data_url(format: PhotoFormat, bytes: &[u8]) -> String {
    format!("data:{};base64,{}", format.content_type(), BASE64.encode(bytes))
}

/// The base64 inside a `data:` URL, or the text itself.
fn envelope(text: &str) -> Result<&str, PhotoError> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(text) };
    let (label, encoded) = rest.split_once(',').ok_or(PhotoError::Malformed)?;
    let base64 = label.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    if scheme.eq_ignore_ascii_case("data") && label.contains(';') && base64 {
        Ok(encoded)
    } else {
        Err(PhotoError::Malformed)
    }
}

/// Removes line breaks. Text without any is not copied.
fn without_white_space(encoded: &str) -> Cow<'_, str> {
    if encoded.bytes().any(|byte| byte.is_ascii_whitespace()) {
        encoded.split_ascii_whitespace().collect::<String>().into()
    } else {
        encoded.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature and header of a PNG of the given size; enough for a reader of headers.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\x02\0\0\0\0\0\0\0");
        bytes
    }

    #[test]
    fn the_bytes_tell_the_format_and_not_the_label() {
        let encoded = BASE64.encode(png(10, 10));
        for text in [
            encoded.clone(),
            format!("data:image/jpeg;base64,{encoded}"),
            format!("DATA:;BASE64,{encoded}"),
            format!("data:image/png;name=a;base64,{}\n {}", &encoded[..8], &encoded[8..]),
            encoded.trim_end_matches('=').to_owned(),
        ] {
            assert_eq!(Photo::parse(&text).map(|photo| photo.format()), Ok(PhotoFormat::Png), "{text}");
        }
    }

    #[test]
    fn a_broken_envelope_is_malformed() {
        for text in [
            "",
            "data:image/png;base64,",
            "data:image/png,abcd",
            "data:base64",
            "https://a/b.png",
            "a?b",
            "data:image/png;base64,@@@@",
        ] {
            assert_eq!(Photo::parse(text), Err(PhotoError::Malformed), "{text}");
        }
    }

    #[test]
    fn bytes_of_other_formats_are_refused() {
        for bytes in [
            b"hello, I am text".to_vec(),
            b"GIF89a\x01\0\x01\0".to_vec(),
            b"\xff\xd8\xff".to_vec(),
            png(0, 10),
            [b"\x89PNG\n\x1a\n\0", &png(10, 10)[8..]].concat(),
        ] {
            assert_eq!(Photo::from_bytes(bytes), Err(PhotoError::NotAnImage));
        }
    }

    #[test]
    fn the_limits_are_exact() {
        assert!(Photo::from_bytes(png(8_000, 5_000)).is_ok());
        assert_eq!(Photo::from_bytes(png(8_000, 5_001)), Err(PhotoError::TooManyPixels));
        assert_eq!(Photo::from_bytes(png(60_000, 60_000)), Err(PhotoError::TooManyPixels));
        let mut bytes = png(10, 10);
        bytes.resize(MAX_PHOTO_BYTES, 0);
        assert!(Photo::parse(&BASE64.encode(&bytes)).is_ok());
        bytes.push(0);
        assert_eq!(Photo::parse(&BASE64.encode(&bytes)), Err(PhotoError::TooManyBytes));
        bytes.resize(MAX_PHOTO_BYTES + 100, 0);
        assert_eq!(Photo::parse(&BASE64.encode(&bytes)), Err(PhotoError::TooManyBytes));
    }
}
