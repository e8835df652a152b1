//! Image fields and image headers: an accepted photo is an image within the limits, as base64, data URL or bytes.

use common::photos::{MAX_PHOTO_BYTES, Photo, PhotoFormat, PhotoHeader, to_data_url};

/// The bytes are the text of an image field, and an image.
pub fn run(data: &[u8]) {
    if let Some(photo) = std::str::from_utf8(data).ok().and_then(|text| Photo::parse(text).ok()) {
        check(&photo);
    }
    let photo = Photo::from_bytes(data.to_vec());
    // The data URL's media type is ignored.
    assert_eq!(Photo::parse(&to_data_url(PhotoFormat::Jpeg, data)), photo);
    if let Ok(photo) = photo {
        assert_eq!(photo.bytes(), data);
        check(&photo);
    }
}

fn check(photo: &Photo) {
    assert!((1..=MAX_PHOTO_BYTES).contains(&photo.bytes().len()));
    let header = PhotoHeader { format: photo.format(), pixels: photo.pixels() };
    assert_eq!(PhotoFormat::of_header(photo.bytes()), Ok(header));
    let begins_with = |magic: &[u8]| photo.bytes().starts_with(magic);
    assert!(match photo.format() {
        PhotoFormat::Jpeg => begins_with(b"\xff\xd8\xff"),
        PhotoFormat::Png => begins_with(b"\x89PNG\r\n\x1a\n"),
        PhotoFormat::WebP => begins_with(b"RIFF") && photo.bytes()[8..].starts_with(b"WEBP"),
    });
    assert_eq!(Photo::parse(&photo.to_data_url()).as_ref(), Ok(photo));
}
