//! Photos to send: files of every format, made here.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// A picture of one colour as a file.
pub fn file(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([200, 120, 40])));
    picture.write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

/// A PNG file of `bytes` bytes: a small picture with filler behind it.
pub fn png_of(bytes: usize) -> Vec<u8> {
    let mut file = file(ImageFormat::Png, 8, 8);
    file.resize(bytes, 7);
    file
}

/// A small PNG file whose header says 60,000 by 60,000 pixels.
pub fn enormous() -> Vec<u8> {
    let mut file = file(ImageFormat::Png, 8, 8);
    for place in [16..20, 20..24] {
        file[place].copy_from_slice(&60_000u32.to_be_bytes());
    }
    file
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// A small JPEG file, and the same as a `data:` URL.
pub fn jpeg_file() -> Vec<u8> {
    file(ImageFormat::Jpeg, 60, 80)
}

pub fn jpeg() -> String {
    format!("data:image/jpeg;base64,{}", base64(&jpeg_file()))
}

/// A small PNG as bare base64.
pub fn png() -> String {
    base64(&file(ImageFormat::Png, 60, 80))
}

/// A small WebP as a `data:` URL with the wrong type.
pub fn webp() -> String {
    format!("data:image/png;base64,{}", base64(&file(ImageFormat::WebP, 60, 80)))
}
