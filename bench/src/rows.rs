//! The rows of the table.

use serde::Serialize;

use crate::arguments::Part;
use crate::backends::{Call, Service};
use crate::measure::{Condition, Measured, SHARES, THROUGHOUT};
use crate::sample::{Responded, Sample, ms};
use crate::statistics::Spread;
use crate::targets::{self, Target, Verdict};

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
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

/// The subjects that show another subject in a special case.
const SPECIAL: [&str; 3] = ["batch", "photos", "replay"];

/// The rows of all `parts` that are measured in rounds.
pub fn of_rounds(measured: &Measured, parts: &[Part]) -> Vec<Row> {
    let rows = |part: &Part| match part {
        Part::Start => plain(measured, *part, Sample::ready_ms),
        Part::First => plain(measured, *part, Sample::until_first_ms),
        Part::Warm => plain(measured, *part, Sample::warm_ms),
        Part::Share => SHARES.iter().flat_map(|memory| share(measured, *memory)).collect(),
        Part::Batch => batch(measured),
        Part::Evicted => evicted(measured),
        Part::Memory => memory(measured),
        Part::Calls => calls(measured),
        Part::Peers => peers(measured),
        Part::Instructions | Part::Size => Vec::new(),
    };
    parts.iter().flat_map(rows).collect()
}

/// A row for each target of `parts` without a row, to show that it is missing.
pub fn not_measured(rows: &[Row], parts: &[Part]) -> Vec<Row> {
    let is_there = |part, name| rows.iter().any(|row| row.part == part && row.name == name);
    let missing = targets::rows().filter(|(part, name)| parts.contains(part) && !is_there(*part, *name));
    missing.map(|(part, name)| Row::new(part, name, None, "")).collect()
}

/// A row for each function, compared with hello.
fn plain(measured: &Measured, part: Part, figure: impl Fn(&Sample) -> f64 + Copy) -> Vec<Row> {
    let is_start = part == Part::Start;
    let subjects = measured.subjects.iter().filter(|subject| !SPECIAL.contains(&subject.name));
    let rows = subjects.filter(|subject| is_start || !subject.is_only_started()).filter_map(|subject| {
        let variant = (subject.name, Condition::Plain);
        let name = if is_start && subject.name == "text-to-image" { subject.binary } else { subject.name };
        let row = Row::new(part, name, Some(measured.median(variant, figure)?), "ms");
        Some(row.beside("hello", measured.ratio([variant, ("hello", Condition::Plain)], figure)))
    });
    rows.collect()
}

fn share(measured: &Measured, memory_mb: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in THROUGHOUT {
        let (held, free) = ((name, Condition::Share(memory_mb)), (name, Condition::Plain));
        let mut row = |what: &str, figure: fn(&Sample) -> f64| {
            let name = format!("{name}, {what}, {memory_mb} MB");
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
    let ratios = warm.map(|response| ms(response.took) / response.fal_ms()).collect();
    let unit = "ms above the slower call";
    vec![
        Row::new(Part::Batch, "first", measured.median(variant, Sample::first_ms), unit),
        Row::new(Part::Batch, "warm", measured.median(variant, Sample::warm_ms), unit)
            .beside("the slower call", Spread::of(ratios)),
    ]
}

fn evicted(measured: &Measured) -> Vec<Row> {
    let names = [("hello", "hello"), ("coin-balance", "coin-balance"), ("text-to-image", "generate-image")];
    let rows = names.map(|(subject, name)| {
        let variant = (subject, Condition::Evicted);
        let figure = measured.median(variant, Sample::ready_ms);
        let ratio = measured.ratio([variant, ("hello", Condition::Evicted)], Sample::ready_ms);
        Row::new(Part::Evicted, name, figure, "ms").beside("hello", ratio)
    });
    rows.into()
}

fn memory(measured: &Measured) -> Vec<Row> {
    let megabytes = |sample: &Sample| sample.peak_bytes as f64 / 1e6;
    let of_hello = ("hello", Condition::Plain);
    let all = measured.subjects.iter().filter(|subject| !subject.is_only_started());
    let mut rows: Vec<_> = all
        .filter_map(|subject| {
            let variant = (subject.name, Condition::Plain);
            let row = Row::new(Part::Memory, subject.name, Some(measured.median(variant, megabytes)?), "MB");
            Some(row.beside("hello", measured.ratio([variant, of_hello], megabytes)))
        })
        .collect();
    if let Some(photos) = measured.subjects.iter().find(|subject| subject.name == "photos") {
        let body = photos.body_bytes() as f64 / 1e6;
        let both = [("photos", Condition::Plain), ("text-to-image", Condition::Plain)];
        let on_top = measured.compared(both, megabytes, |photos, text| photos - text);
        let bodies = measured.compared(both, megabytes, |photos, text| (photos - text) / body);
        let row = Row::new(Part::Memory, "photos, on top", on_top.map(|spread| spread.median), "MB");
        rows.push(row.beside("body of photos", bodies));
    }
    rows
}

/// The most calls of one event.
fn calls(measured: &Measured) -> Vec<Row> {
    let most = |name: &'static str, is_counted: &dyn Fn(&Call) -> bool| {
        // The first event of a replay makes what is replayed.
        let skipped = usize::from(name == "replay");
        let samples = measured.samples((name, Condition::Plain)).iter();
        let responses = samples.flat_map(|sample| sample.responses.iter().skip(skipped));
        responses.map(|Responded { calls, .. }| calls.iter().filter(|call| is_counted(call)).count()).max()
    };
    let services = [("DynamoDB", Service::DynamoDb), ("S3", Service::S3), ("fal", Service::Fal)];
    let mut rows = Vec::new();
    let mut scans = 0;
    for subject in &measured.subjects {
        if subject.is_only_started() || subject.binary == "hello" {
            continue;
        }
        for (title, service) in services {
            if let Some(count) = most(subject.name, &|call| call.service == service) {
                let name = format!("{}, {title}", subject.name);
                rows.push(Row::new(Part::Calls, name, Some(count as f64), ""));
            }
        }
        scans += most(subject.name, &|call| call.operation == "Scan").unwrap_or_default();
    }
    // A service that is not called is shown only if it has a target.
    rows.retain(|row| row.figure != Some(0.0) || row.target.is_some());
    rows.push(Row::new(Part::Calls, "scans, all functions", Some(scans as f64), ""));
    rows
}

fn peers(measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["boto3", "FastAPI"] {
        for (condition, suffix) in [(Condition::Plain, ""), (Condition::Share(SHARES[0]), ", 128 MB")] {
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
