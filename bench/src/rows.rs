//! The rows of the table.

use crate::arguments::Part;
use crate::measure::{Condition, Measured, THROUGHOUT};
use crate::prices;
use crate::sample::{Sample, ms};
use crate::statistics::Spread;
use crate::subjects::Subject;
use crate::targets::{self, Target, Verdict};

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub part: Part,
    pub name: String,
    pub figure: Option<f64>,
    pub unit: &'static str,
    /// The figure divided by that of `yardstick`.
    pub ratio: Option<Spread>,
    pub yardstick: &'static str,
    pub target: Option<Target>,
}

impl Row {
    /// A row without a ratio, with the target of its name.
    pub fn new(part: Part, name: impl Into<String>, figure: Option<f64>, unit: &'static str) -> Self {
        let name = name.into();
        let target = targets::of(part, &name);
        Self { part, name, figure, unit, ratio: None, yardstick: "", target }
    }

    pub fn beside(self, yardstick: &'static str, ratio: Option<Spread>) -> Self {
        Self { ratio, yardstick, ..self }
    }

    pub fn verdict(&self) -> Option<Verdict> {
        let value = self.ratio.map(|spread| spread.median).or(self.figure).unwrap_or(f64::NAN);
        self.target.map(|target| target.verdict(value))
    }
}

/// The rows of all `parts` that are measured in rounds.
pub fn of_rounds(measured: &Measured, parts: &[Part]) -> Vec<Row> {
    let beside_hello = |part, unit, figure| beside_hello(measured, part, unit, figure);
    let rows = |part: &Part| match part {
        Part::Start | Part::Evicted => beside_hello(*part, "ms", Sample::ready_ms),
        Part::First => beside_hello(*part, "ms", Sample::until_first_ms),
        Part::Warm => {
            let mut rows = beside_hello(*part, "ms", Sample::warm_ms);
            rows.push(asynchronous(measured));
            rows
        }
        Part::Share => share(measured),
        Part::Batch => batch(measured),
        Part::Memory => {
            let mut rows = beside_hello(*part, "MB", Sample::peak_megabytes);
            rows.extend(memory_of_photos(measured));
            rows
        }
        Part::Peers => peers(measured),
        Part::Calls => prices::calls(measured),
        Part::Usd => prices::rows(measured),
        Part::Instructions | Part::Size => Vec::new(),
    };
    parts.iter().flat_map(rows).collect()
}

/// A row for each target of `parts` without a row, to show that it is missing.
pub fn not_measured(rows: &[Row], parts: &[Part]) -> Vec<Row> {
    let is_there = |part, name: &str| rows.iter().any(|row| row.part == part && row.name == name);
    let missing =
        targets::TARGETS.iter().filter(|(part, name, ..)| parts.contains(part) && !is_there(*part, name));
    missing.map(|(part, name, ..)| Row::new(*part, *name, None, "")).collect()
}

/// A row for each function, compared with hello.
fn beside_hello(measured: &Measured, part: Part, unit: &'static str, figure: fn(&Sample) -> f64) -> Vec<Row> {
    let condition = if part == Part::Evicted { Condition::Evicted } else { Condition::Plain };
    let is_start = matches!(part, Part::Start | Part::Evicted);
    let is_shown = |subject: &&Subject| match subject.name {
        "batch" | "photos" => part == Part::Memory,
        _ => is_start || !subject.is_only_started(),
    };
    let rows = measured.subjects.iter().filter(is_shown).filter_map(|subject| {
        let variant = (subject.name, condition);
        let name = if is_start && subject.name == "text-to-image" { subject.binary } else { subject.name };
        let row = Row::new(part, name, Some(measured.median(variant, figure)?), unit);
        Some(row.beside("hello", measured.ratio([variant, ("hello", condition)], figure)))
    });
    rows.collect()
}

/// The whole time of the functions for an asynchronous batch, when they are warm.
fn asynchronous(measured: &Measured) -> Row {
    let steps = ["submit", "webhook", "second webhook"];
    let times = steps.map(|name| measured.median((name, Condition::Plain), Sample::warm_ms));
    let sum = times.into_iter().sum::<Option<f64>>();
    Row::new(Part::Warm, "submit and two webhooks", sum, "ms")
}

fn share(measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in THROUGHOUT {
        let (held, free) = ((name, Condition::Share), (name, Condition::Plain));
        let mut row = |what: &str, figure: fn(&Sample) -> f64| {
            let name = format!("{name}, {what}");
            let row = Row::new(Part::Share, name, measured.median(held, figure), "ms");
            rows.push(row.beside("unthrottled", measured.ratio([held, free], figure)));
        };
        row("first", Sample::first_ms);
        row("warm", Sample::warm_ms);
    }
    rows
}

/// The time of a batch beyond the slower of fal's two calls.
fn batch(measured: &Measured) -> Vec<Row> {
    let variant = ("batch", Condition::Plain);
    let warm = measured.samples(variant).iter().flat_map(|sample| sample.responses.iter().skip(1));
    let ratios = warm.map(|response| ms(response.took) / ms(response.fal)).collect();
    let unit = "ms above the slower call";
    vec![
        Row::new(Part::Batch, "first", measured.median(variant, Sample::first_ms), unit),
        Row::new(Part::Batch, "warm", measured.median(variant, Sample::warm_ms), unit)
            .beside("the slower call", Spread::of(ratios)),
    ]
}

/// What a body of photos needs on top of a request without photos.
fn memory_of_photos(measured: &Measured) -> Option<Row> {
    let photos = measured.subjects.iter().find(|subject| subject.name == "photos")?;
    let body = photos.body_bytes() as f64 / 1e6;
    let both = [("photos", Condition::Plain), ("text-to-image", Condition::Plain)];
    let on_top =
        |unit| measured.compared(both, Sample::peak_megabytes, |photos, text| (photos - text) / unit);
    let megabytes = on_top(1.0).map(|spread| spread.median);
    Some(Row::new(Part::Memory, "photos, on top", megabytes, "MB").beside("body of photos", on_top(body)))
}

fn peers(measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["boto3", "FastAPI"] {
        for (condition, suffix) in [(Condition::Plain, ""), (Condition::Share, ", 128 MB")] {
            let variant = (name, condition);
            let figure = measured.median(variant, Sample::until_first_ms);
            let ratio = measured.ratio([variant, ("coin-balance", condition)], Sample::until_first_ms);
            rows.push(
                Row::new(Part::Peers, format!("{name}{suffix}"), figure, "ms").beside("coin-balance", ratio),
            );
        }
    }
    rows
}
