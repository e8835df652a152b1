//! The size of a picture: fal's named sizes, a custom one, or that of the first photo.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::lax::Refusal;
use super::schema::{Field, Kind};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// The default of `fal-ai/flux/schnell`.
pub const LANDSCAPE_4_3: Size = Size { width: 1024, height: 768 };

/// The longest side, in pixels, for the models without a stricter limit. fal's own limit is 14,142; this
/// machine draws the pictures one after the other and keeps them in memory.
pub const LARGEST_SIDE: i64 = 4096;

const NAMED: [(&str, Size); 6] = [
    ("square_hd", Size { width: 1024, height: 1024 }),
    ("square", Size { width: 512, height: 512 }),
    ("portrait_4_3", Size { width: 768, height: 1024 }),
    ("portrait_16_9", Size { width: 576, height: 1024 }),
    ("landscape_4_3", LANDSCAPE_4_3),
    ("landscape_16_9", Size { width: 1024, height: 576 }),
];

/// The size with this name.
pub fn named(name: &str) -> Result<Size, Refusal> {
    let found = NAMED.iter().find(|(known, _)| *known == name);
    found.map(|(_, size)| *size).ok_or_else(|| Refusal::not_one_of("enum", &NAMED.map(|(known, _)| known)))
}

/// The fields of a custom size, with both sides in this range.
pub fn custom(sides: &RangeInclusive<i64>) -> [Field; 2] {
    /// fal's default for a side that is left out.
    const DEFAULT_SIDE: i64 = 512;
    ["width", "height"].map(|side| Field::default(side, Kind::Integer(sides.clone()), DEFAULT_SIDE))
}

/// The output size for a photo of this size: the photo's own, scaled so that both sides lie within 512 and
/// 2,048 pixels. The ratio is kept unless it is more extreme than 1 to 4.
pub fn of_photo(photo: Size) -> Size {
    const SMALLEST: f64 = 512.0;
    const LARGEST: f64 = 2048.0;
    let (width, height) = (f64::from(photo.width.max(1)), f64::from(photo.height.max(1)));
    let factor = (LARGEST / width.max(height)).min(1.0).max(SMALLEST / width.min(height));
    let side = |length: f64| (length * factor).round().clamp(SMALLEST, LARGEST) as u32;
    Size { width: side(width), height: side(height) }
}
