//! A raw RGB picture and the few strokes that the drawings need.
//!
//! Everything works on rows of bytes with plain loops: this code runs unoptimised in development builds,
//! where a closure for each pixel of a large picture would take seconds.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use super::lettering::Mask;
use super::models::Format;
use super::sizes::Size;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Area {
    /// The same rectangle made smaller on all sides; it may become empty.
    pub fn inset(self, by: usize) -> Self {
        let width = self.width.saturating_sub(2 * by);
        let height = self.height.saturating_sub(2 * by);
        Self { x: self.x + by, y: self.y + by, width, height }
    }

    /// Where something of this size sits when it is centred here.
    pub fn centred(self, width: usize, height: usize) -> Self {
        let x = self.x + self.width.saturating_sub(width) / 2;
        let y = self.y + self.height.saturating_sub(height) / 2;
        Self { x, y, width, height }
    }
}

/// A picture under way. Whatever lies outside it is cut off.
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture in one colour.
    pub fn plain(size: Size, colour: Colour) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        Self { width, height, pixels: colour.repeat(width * height) }
    }

    /// A diagonal gradient through the colours. Every row is a piece of one long line, a pixel further each
    /// time, so a row costs one copy.
    pub fn gradient(size: Size, colours: [Colour; 3]) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        let length = width + height;
        let mut line = Vec::with_capacity(length * 3);
        for at in 0..length {
            let position = 2.0 * at as f32 / length as f32;
            let (from, to) = if position < 1.0 { (colours[0], colours[1]) } else { (colours[1], colours[2]) };
            for channel in 0..3 {
                let (from, to) = (f32::from(from[channel]), f32::from(to[channel]));
                line.push((from + (to - from) * position.fract()).round() as u8);
            }
        }
        let mut pixels = Vec::with_capacity(width * height * 3);
        for row in 0..height {
            pixels.extend_from_slice(&line[row * 3..(row + width) * 3]);
        }
        Self { width, height, pixels }
    }

    /// The whole picture.
    pub fn area(&self) -> Area {
        Area { x: 0, y: 0, width: self.width, height: self.height }
    }

    /// Covers a rectangle with rounded corners; `opacity` 255 hides what was there.
    pub fn cover(&mut self, area: Area, radius: usize, colour: Colour, opacity: u8) {
        let tables = colour.map(|channel| blend_table(channel, opacity));
        let radius = radius.min(area.width / 2).min(area.height / 2);
        for row in 0..area.height.min(self.height.saturating_sub(area.y)) {
            let from_edge = row.min(area.height - 1 - row);
            let inset = corner_inset(radius, from_edge);
            let cut = inset.ceil() as usize;
            let from = (area.x + cut).min(self.width);
            let to = (area.x + area.width).saturating_sub(cut).clamp(from, self.width);
            let start = (area.y + row) * self.width;
            for pixel in self.pixels[(start + from) * 3..(start + to) * 3].chunks_exact_mut(3) {
                pixel[0] = tables[0][pixel[0] as usize];
                pixel[1] = tables[1][pixel[1] as usize];
                pixel[2] = tables[2][pixel[2] as usize];
            }
            // The two pixels that the corner's curve only half covers.
            let part = ((cut as f32 - inset) * f32::from(opacity)) as u8;
            if part > 0 && from > area.x {
                self.blend(start + from - 1, colour, part);
                if to < self.width {
                    self.blend(start + to, colour, part);
                }
            }
        }
    }

    /// Puts a photo with its top left corner at `x`, `y`.
    pub fn paste(&mut self, photo: &RgbImage, x: usize, y: usize) {
        let row_length = photo.width() as usize * 3;
        let visible = (photo.width() as usize).min(self.width.saturating_sub(x)) * 3;
        if visible == 0 {
            return;
        }
        let rows = photo.as_raw().chunks_exact(row_length);
        for (row, line) in rows.enumerate().take(self.height.saturating_sub(y)) {
            let start = ((y + row) * self.width + x) * 3;
            self.pixels[start..start + visible].copy_from_slice(&line[..visible]);
        }
    }

    /// Prints letters with their top left corner at `x`, `y`.
    pub fn print(&mut self, letters: &Mask, x: usize, y: usize, colour: Colour) {
        let visible = letters.width.min(self.width.saturating_sub(x));
        for row in 0..letters.height.min(self.height.saturating_sub(y)) {
            let ink = &letters.ink[row * letters.width..row * letters.width + visible];
            let start = (y + row) * self.width + x;
            for (column, &ink) in ink.iter().enumerate() {
                if ink > 0 {
                    self.blend(start + column, colour, ink);
                }
            }
        }
    }

    /// The picture as a file.
    pub fn encode(&self, format: Format) -> image::ImageResult<Vec<u8>> {
        /// High enough that small letters stay clean.
        const JPEG_QUALITY: u8 = 90;
        let mut file = Cursor::new(Vec::new());
        let (width, height) = (self.width as u32, self.height as u32);
        let colour = ExtendedColorType::Rgb8;
        match format {
            Format::Jpeg => JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).write_image(
                &self.pixels,
                width,
                height,
                colour,
            ),
            Format::Png => PngEncoder::new(&mut file).write_image(&self.pixels, width, height, colour),
            Format::Webp => {
                WebPEncoder::new_lossless(&mut file).write_image(&self.pixels, width, height, colour)
            }
        }?;
        Ok(file.into_inner())
    }

    fn blend(&mut self, pixel: usize, colour: Colour, opacity: u8) {
        let Some(pixel) = self.pixels.get_mut(pixel * 3..pixel * 3 + 3) else {
            return;
        };
        for channel in 0..3 {
            pixel[channel] = blended(pixel[channel], colour[channel], opacity);
        }
    }
}

fn blended(below: u8, above: u8, opacity: u8) -> u8 {
    let (below, above, opacity) = (u32::from(below), u32::from(above), u32::from(opacity));
    ((below * (255 - opacity) + above * opacity) / 255) as u8
}

fn blend_table(above: u8, opacity: u8) -> [u8; 256] {
    std::array::from_fn(|below| blended(below as u8, above, opacity))
}

/// How far a rounded corner cuts into the row that is `from_edge` rows away from the edge.
fn corner_inset(radius: usize, from_edge: usize) -> f32 {
    if from_edge >= radius {
        return 0.0;
    }
    let radius = radius as f32;
    let rise = radius - from_edge as f32 - 0.5;
    radius - (radius * radius - rise * rise).max(0.0).sqrt()
}
