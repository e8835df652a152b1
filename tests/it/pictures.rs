//! Photos to send: real files of every format, made here.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// A plain picture as a file.
pub fn file(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([200, 120, 40])));
    picture.write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// A small JPEG as a `data:` URL.
pub fn jpeg() -> String {
    format!("data:image/jpeg;base64,{}", base64(&file(ImageFormat::Jpeg, 60, 80)))
}

/// A small PNG as bare base64.
pub fn png() -> String {
    base64(&file(ImageFormat::Png, 60, 80))
}

/// A small WebP whose label lies.
pub fn webp() -> String {
    format!("data:image/png;base64,{}", base64(&file(ImageFormat::WebP, 60, 80)))
}
