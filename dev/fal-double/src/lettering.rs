//! Text as a mask of ink: a built-in bitmap font, wrapped, enlarged and smoothed.

use std::convert::Infallible;

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;
use embedded_graphics::mono_font::{MonoTextStyle, MonoTextStyleBuilder};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::primitives::Rectangle;
use embedded_text::TextBox;
use embedded_text::style::TextBoxStyle;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage};

/// The size of a letter of the font before it is enlarged, in pixels.
const LETTER_WIDTH: usize = 10;
const LETTER_HEIGHT: usize = 20;
/// More than this is never readable on one picture.
const MOST_LETTERS: usize = 4000;

/// How much ink each pixel takes, 0 to 255, row by row.
pub struct Mask {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width` × `height` values.
    pub ink: Vec<u8>,
}

/// Sets a text in at most this space, in the largest letters that fit, `largest` times the font's own size
/// at most. A text that fits in no size ends in dots. `None` when there is no room for a single letter.
pub fn fit(text: &str, width: usize, height: usize, largest: f32) -> Option<Mask> {
    let mut text = printable(text);
    let mut scale = largest.max(1.0);
    loop {
        let columns = (width as f32 / scale) as usize;
        if columns >= LETTER_WIDTH {
            let rows = measure(&text, columns);
            if rows as f32 * scale <= height as f32 {
                return Some(enlarged(&trimmed(ink(&text, columns, rows)), scale));
            }
        }
        if scale > 1.0 {
            scale = (scale - 0.25).max(1.0);
            continue;
        }
        let room = (width / LETTER_WIDTH) * (height / LETTER_HEIGHT);
        let length = text.trim_end_matches("...").chars().count();
        let shorter = room.min(length * 9 / 10);
        if shorter <= 3 || length <= 3 {
            return None;
        }
        text = text.chars().take(shorter - 3).chain("...".chars()).collect();
    }
}

/// A single line at a given size.
pub fn line(text: &str, scale: f32) -> Mask {
    let text = printable(text);
    enlarged(&ink(&text, text.chars().count().max(1) * LETTER_WIDTH, LETTER_HEIGHT), scale)
}

/// The text in letters that the font has, which are those of Latin-1.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars().take(MOST_LETTERS) {
        match letter {
            '\n' => printable.push('\n'),
            '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2032}' => printable.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => printable.push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => printable.push('-'),
            '\u{2022}' => printable.push('\u{b7}'),
            '\u{2026}' => printable.push_str("..."),
            '\u{2190}'..='\u{21ff}' => printable.push('>'),
            // Marks that only change their neighbour: joiners, variation selectors, accents.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => {}
            letter if letter.is_control() || letter.is_whitespace() => printable.push(' '),
            ' '..='\u{ff}' => printable.push(letter),
            _ => printable.push('?'),
        }
    }
    printable
}

fn style() -> MonoTextStyle<'static, BinaryColor> {
    MonoTextStyleBuilder::new().font(&FONT_10X20).text_color(BinaryColor::On).build()
}

fn measure(text: &str, columns: usize) -> usize {
    TextBoxStyle::default().measure_text_height(&style(), text, columns as u32) as usize
}

fn ink(text: &str, width: usize, height: usize) -> Mask {
    let mut mask = Mask { width, height, ink: vec![0; width * height] };
    let bounds = Rectangle::new(Point::zero(), mask.size());
    // Drawing on a mask cannot fail: its error type has no value.
    let Ok(_) = TextBox::new(text, bounds, style()).draw(&mut mask);
    mask
}

/// The mask without the empty columns on its right.
fn trimmed(mask: Mask) -> Mask {
    let lines = mask.ink.chunks_exact(mask.width.max(1));
    let ends = lines.filter_map(|line| line.iter().rposition(|&ink| ink > 0));
    let width = ends.max().map_or(mask.width, |last| last + 1);
    let lines = mask.ink.chunks_exact(mask.width.max(1));
    let ink = lines.flat_map(|line| &line[..width]).copied().collect();
    Mask { width, height: mask.height, ink }
}

/// Enlarges a mask and steepens the soft edges that this gives, so that the letters look cut and not blurred.
fn enlarged(mask: &Mask, scale: f32) -> Mask {
    let side = |length: usize| ((length as f32 * scale).round() as usize).max(1);
    let (width, height) = (side(mask.width), side(mask.height));
    let small = GrayImage::from_raw(mask.width as u32, mask.height as u32, mask.ink.clone());
    let small = DynamicImage::ImageLuma8(small.unwrap_or_default());
    let soft = small.resize_exact(width as u32, height as u32, FilterType::Gaussian);
    let steepness = scale.clamp(1.0, 2.0);
    let steeper: [u8; 256] =
        std::array::from_fn(|ink| ((ink as f32 - 127.5) * steepness + 127.5).clamp(0.0, 255.0) as u8);
    let ink = soft.into_luma8().into_raw().into_iter().map(|ink| steeper[ink as usize]).collect();
    Mask { width, height, ink }
}

impl OriginDimensions for Mask {
    fn size(&self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }
}

impl DrawTarget for Mask {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = Pixel<Self::Color>>,
    {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y))
                && x < self.width
                && y < self.height
                && colour.is_on()
            {
                self.ink[y * self.width + x] = 255;
            }
        }
        Ok(())
    }
}
