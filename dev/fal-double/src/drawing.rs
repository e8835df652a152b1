//! The pictures: the prompt in large letters, the photos as framed panels, a footer with the settings.
//!
//! They are made to be read, by people and in tests: a wrong prompt, a missing photo or a parameter that did
//! not arrive is seen at a glance.

use std::sync::Arc;

use image::DynamicImage;
use image::imageops::FilterType;

use super::canvas::{Area, Canvas, Colour};
use super::lettering;
use super::models::Job;
use super::photos::Photo;
use super::sizes::Size;

const INK: Colour = [30, 32, 44];
const PAPER: Colour = [255, 255, 255];
const NIGHT: Colour = [14, 15, 24];

/// What goes into one picture.
pub struct Picture<'a> {
    /// The request, defaults applied.
    pub job: &'a Job,
    /// The exact size of the picture.
    pub size: Size,
    /// Decides the colours.
    pub seed: u64,
    /// The photos, in the order of the request.
    pub photos: &'a [Arc<Photo>],
}

/// The picture that fal gives in the place of one that its checker flagged.
pub fn black(size: Size) -> Canvas {
    Canvas::plain(size, [0, 0, 0])
}

/// Draws a picture.
pub fn draw(picture: &Picture<'_>) -> Canvas {
    let mut canvas = Canvas::gradient(picture.size, palette(picture.seed));
    let shorter = picture.size.width.min(picture.size.height) as usize;
    // Every length is a share of the shorter side; the letters are at twice the font's size at 1,024 pixels.
    let margin = shorter / 26;
    let letters = shorter as f32 / 512.0;

    let below = footer(&mut canvas, picture, margin, letters);
    let whole = canvas.area();
    let content = Area { height: whole.height.saturating_sub(below), ..whole }.inset(margin);
    let text_width = content.width.saturating_sub(2 * margin);

    // Without photos the prompt has the picture to itself; with them it takes its share of the height.
    let alone = picture.photos.is_empty();
    let (share, largest) = match alone {
        true => (content.height * 4 / 5, letters * 2.0),
        false => (content.height / 3, letters),
    };
    let prompt = lettering::fit(&picture.job.prompt, text_width, share.saturating_sub(2 * margin), largest);
    let card_height = prompt.as_ref().map_or(0, |prompt| prompt.height + 2 * margin);
    if !alone {
        let above = content.height.saturating_sub(card_height + margin);
        panels(&mut canvas, Area { height: above, ..content }, picture.photos, margin, letters);
    }
    if let Some(prompt) = prompt {
        let card = match alone {
            true => content.centred(prompt.width + 2 * margin, card_height),
            false => {
                let y = content.y + content.height.saturating_sub(card_height);
                Area { y, height: card_height, ..content }
            }
        };
        canvas.cover(card, margin / 2, PAPER, 225);
        canvas.print(&prompt, card.x + margin, card.y + margin, INK);
    }
    canvas
}

/// A dark band at the bottom with what the model was given. Returns its height.
fn footer(canvas: &mut Canvas, picture: &Picture<'_>, margin: usize, letters: f32) -> usize {
    let job = picture.job;
    let Size { width, height } = picture.size;
    let mut lines = format!("{}  {width}x{height} {}\n", job.endpoint.id(), job.format.name());
    lines += &format!("steps {}  guidance {}", job.steps, job.guidance);
    if let Some(strength) = job.strength {
        lines += &format!("  strength {strength}");
    }
    lines += &format!("  seed {}", picture.seed);
    if !job.loras.is_empty() {
        lines += &format!("\nloras {}", job.loras.join(", "));
    }
    let whole = canvas.area();
    let room = (whole.width.saturating_sub(2 * margin), whole.height / 4);
    let Some(text) = lettering::fit(&lines, room.0, room.1, letters * 0.6) else {
        return 0;
    };
    let band = (text.height + margin).min(whole.height);
    let y = whole.height - band;
    canvas.cover(Area { y, height: band, ..whole }, 0, NIGHT, 150);
    canvas.print(&text, margin, y + margin / 2, [236, 238, 248]);
    band
}

/// The photos in rows of equal height, each in a white frame with its number.
fn panels(canvas: &mut Canvas, area: Area, photos: &[Arc<Photo>], margin: usize, letters: f32) {
    let columns = best_columns(area, photos, margin);
    let rows: Vec<_> = photos.chunks(columns).collect();
    let heights = row_heights(area, photos, columns, margin);
    let used: usize = heights.iter().sum::<usize>() + (rows.len() - 1) * margin;
    let mut y = area.centred(area.width, used).y;
    let mut number = 1;
    for (row, height) in rows.into_iter().zip(heights) {
        let widths: Vec<usize> = row.iter().map(|photo| (ratio(photo) * height as f32) as usize).collect();
        let used: usize = widths.iter().sum::<usize>() + (row.len() - 1) * margin;
        let mut x = area.centred(used, height).x;
        for (photo, width) in row.iter().zip(widths) {
            panel(canvas, Area { x, y, width, height }, photo, number, margin, letters);
            x += width + margin;
            number += 1;
        }
        y += height + margin;
    }
}

fn panel(canvas: &mut Canvas, frame: Area, photo: &Photo, number: usize, margin: usize, letters: f32) {
    let border = (margin / 4).max(1);
    let inner = frame.inset(border);
    if inner.width == 0 || inner.height == 0 {
        return;
    }
    let preview = DynamicImage::ImageRgb8(photo.preview.clone());
    let scaled = preview.resize_exact(inner.width as u32, inner.height as u32, FilterType::Triangle);

    let shadow = Area { x: frame.x + border / 2, y: frame.y + border, ..frame };
    canvas.cover(shadow, border, NIGHT, 60);
    canvas.cover(frame, border, PAPER, 255);
    canvas.paste(&scaled.into_rgb8(), inner.x, inner.y);

    let digits = lettering::line(&number.to_string(), (letters * 0.75).max(1.0));
    let side = digits.height * 3 / 2;
    let badge = Area { x: inner.x + border, y: inner.y + border, width: side, height: side };
    if side + 4 * border < frame.width.min(frame.height) {
        canvas.cover(badge, side / 2, PAPER, 235);
        let place = badge.centred(digits.width, digits.height);
        canvas.print(&digits, place.x, place.y, INK);
    }
}

/// The number of columns with which the photos cover most.
fn best_columns(area: Area, photos: &[Arc<Photo>], margin: usize) -> usize {
    let covered = |columns: &usize| -> usize {
        let heights = row_heights(area, photos, *columns, margin);
        let rows = photos.chunks(*columns).zip(heights);
        rows.map(|(row, height)| (ratios(row) * (height * height) as f32) as usize).sum()
    };
    // Only columns that fill the rows evenly, so that no photo is left alone below the others.
    let even = (1..=photos.len()).map(|rows| photos.len().div_ceil(rows));
    even.max_by_key(covered).unwrap_or(1)
}

/// The height of each row of photos: as wide as the area allows, no higher than its share.
fn row_heights(area: Area, photos: &[Arc<Photo>], columns: usize, margin: usize) -> Vec<usize> {
    let rows = photos.len().div_ceil(columns);
    let share = area.height.saturating_sub((rows - 1) * margin) / rows;
    let height_of = |row: &[Arc<Photo>]| {
        let width = area.width.saturating_sub((row.len() - 1) * margin);
        share.min((width as f32 / ratios(row)) as usize)
    };
    photos.chunks(columns).map(height_of).collect()
}

fn ratios(row: &[Arc<Photo>]) -> f32 {
    row.iter().map(|photo| ratio(photo)).sum()
}

/// Width by height; panels of very long photos are kept within reason.
fn ratio(photo: &Photo) -> f32 {
    (photo.size.width.max(1) as f32 / photo.size.height.max(1) as f32).clamp(0.2, 5.0)
}

/// Three colours of a gradient. Neighbouring seeds give colours far apart.
fn palette(seed: u64) -> [Colour; 3] {
    let mixed = fastrand::Rng::with_seed(seed).f32();
    let hue = mixed * 360.0;
    [colour(hue, 0.62, 0.66), colour(hue + 35.0, 0.55, 0.52), colour(hue + 80.0, 0.5, 0.36)]
}

/// A colour from its hue in degrees, saturation and lightness.
fn colour(hue: f32, saturation: f32, lightness: f32) -> Colour {
    let spread = saturation * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|offset| {
        let position = (offset + hue / 30.0) % 12.0;
        let level = lightness - spread * (position - 3.0).min(9.0 - position).clamp(-1.0, 1.0);
        (level * 255.0).round() as u8
    })
}
