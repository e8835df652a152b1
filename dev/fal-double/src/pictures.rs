//! The pictures: one colour, the prompt and the settings as text, the photos at the bottom.
//!
//! A wrong prompt, a missing photo or a lost parameter is seen at a glance. The same seed gives the same
//! picture.

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::Arc;

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::Rectangle;
use embedded_text::TextBox;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, ImageResult, RgbImage};

use super::models::Job;
use super::photos::Photo;
use super::sizes::Size;

/// Letters are enlarged by one for every so many pixels of the shorter side.
const SIDE_PER_ENLARGEMENT: u32 = 360;
/// Around the text, in pixels before it is enlarged.
const MARGIN: u32 = 10;
/// More letters than this are never readable on one picture.
const MOST_LETTERS: usize = 4000;

/// fal's replacement for a picture that its checker flagged.
pub fn black(size: Size) -> DynamicImage {
    plain(size, [0; 3]).into()
}

/// Draws a picture for `job` in exactly this size.
pub fn draw(job: &Job, size: Size, seed: u64, photos: &[Arc<Photo>]) -> DynamicImage {
    let mut random = fastrand::Rng::with_seed(seed);
    let background = std::array::from_fn(|_| random.u8(150..=230));
    // The font has one size, so the text is drawn on a smaller picture that is enlarged afterwards.
    let scale = (size.width.min(size.height) / SIDE_PER_ENLARGEMENT).max(1);
    let small = Size { width: size.width.div_ceil(scale), height: size.height.div_ceil(scale) };
    let mut canvas = Canvas(plain(small, background));
    print(&mut canvas, &text(job, size, seed));
    let mut picture = DynamicImage::from(canvas.0).resize_exact(size.width, size.height, FilterType::Nearest);

    let columns = photos.len().max(1) as u32;
    for (column, photo) in photos.iter().enumerate() {
        let photo = photo.preview.thumbnail(size.width / columns, size.height / 3);
        let x = column as u32 * (size.width / columns);
        let y = size.height.saturating_sub(photo.height());
        imageops::overlay(&mut picture, &photo, x.into(), y.into());
    }
    picture
}

/// The picture as a file.
pub fn encode(picture: &DynamicImage, format: ImageFormat) -> ImageResult<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format)?;
    Ok(file.into_inner())
}

fn plain(size: Size, colour: [u8; 3]) -> RgbImage {
    let pixels = colour.repeat(size.width as usize * size.height as usize);
    RgbImage::from_raw(size.width, size.height, pixels).unwrap_or_default()
}

/// The prompt and everything else that the model was given.
fn text(job: &Job, Size { width, height }: Size, seed: u64) -> String {
    let prompt: String = job.prompt.chars().take(MOST_LETTERS).collect();
    let mut text = format!("{prompt}\n\n{}  {width}x{height} {}\n", job.endpoint.id(), job.format);
    text += &format!("steps {}  guidance {}", job.steps, job.guidance);
    if let Some(strength) = job.strength {
        text += &format!("  strength {strength}");
    }
    text += &format!("  seed {seed}");
    if !job.loras.is_empty() {
        let paths: Vec<&str> = job.loras.iter().map(|lora| lora.path.as_str()).collect();
        text += &format!("\nloras {}", paths.join(", "));
    }
    text
}

fn print(canvas: &mut Canvas, text: &str) {
    let room = canvas.size().saturating_sub(embedded_graphics::geometry::Size::new_equal(2 * MARGIN));
    let bounds = Rectangle::new(Point::new_equal(MARGIN as i32), room);
    // Drawing on a picture in memory cannot fail: the error type has no value.
    let Ok(_) = TextBox::new(text, bounds, MonoTextStyle::new(&FONT_10X20, Rgb888::BLACK)).draw(canvas);
}

/// A picture that text can be printed on. Text outside it is cut off.
struct Canvas(RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> embedded_graphics::geometry::Size {
        self.0.dimensions().into()
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                pixel.0 = [colour.r(), colour.g(), colour.b()];
            }
        }
        Ok(())
    }
}
