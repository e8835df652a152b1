//! The rows of the table, made of the samples.

use serde::Serialize;

use crate::arguments::Part;
use crate::backends::Service;
use crate::measure::{Condition, Measured, SHARES};
use crate::sample::{Answered, Sample, ms};
use crate::statistics::Spread;
use crate::targets::{self, Target, Verdict};

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Where it belongs.
    pub part: Part,
    /// What was measured.
    pub name: String,
    /// The figure itself.
    pub figure: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// The figure beside that of `yardstick`.
    pub ratio: Option<Spread>,
    /// What it is a ratio to.
    pub yardstick: &'static str,
    /// What must be reached, and what we reach for.
    pub target: Option<Target>,
}

impl Row {
    /// A row without a ratio. Its target follows from its name.
    pub fn new(part: Part, name: impl Into<String>, figure: Option<f64>, unit: &'static str) -> Self {
        let name = name.into();
        let target = targets::of(part, &name);
        Self { part, name, figure, unit, ratio: None, yardstick: "", target }
    }

    /// The row with a ratio.
    pub fn beside(self, yardstick: &'static str, ratio: Option<Spread>) -> Self {
        Self { ratio, yardstick, ..self }
    }

    /// What became of its target.
    pub fn verdict(&self) -> Option<Verdict> {
        let value = self.ratio.map(|spread| spread.median).or(self.figure).unwrap_or(f64::NAN);
        self.target.map(|target| target.verdict(value))
    }
}

/// The subjects that are another one in other circumstances.
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

/// A row for each target of `parts` that none of `rows` is held against, so that it is seen to be missing.
pub fn not_measured(rows: &[Row], parts: &[Part]) -> Vec<Row> {
    let is_there = |part, name| rows.iter().any(|row| row.part == part && row.name == name);
    let missing = targets::rows().filter(|(part, name)| parts.contains(part) && !is_there(*part, *name));
    missing.map(|(part, name)| Row::new(part, name, None, "")).collect()
}

/// A row for each function, beside hello.
fn plain(measured: &Measured, part: Part, figure: impl Fn(&Sample) -> f64 + Copy) -> Vec<Row> {
    let is_start = part == Part::Start;
    let subjects = measured.subjects.iter().filter(|subject| !SPECIAL.contains(&subject.name));
    let rows = subjects.filter(|subject| is_start || !subject.is_only_started()).filter_map(|subject| {
        let which = (subject.name, Condition::Plain);
        let name = if is_start && subject.name == "text-to-image" { subject.binary } else { subject.name };
        let row = Row::new(part, name, Some(measured.median(which, figure)?), "ms");
        Some(row.beside("hello", measured.ratio(which, ("hello", Condition::Plain), figure)))
    });
    rows.collect()
}

fn share(measured: &Measured, memory_mb: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["hello", "coin-balance", "text-to-image"] {
        let (held, free) = ((name, Condition::Share(memory_mb)), (name, Condition::Plain));
        let mut row = |what: &str, figure: fn(&Sample) -> f64| {
            let name = format!("{name}, {what}, {memory_mb} MB");
            let row = Row::new(Part::Share, name, measured.median(held, figure), "ms");
            rows.push(row.beside("unthrottled", measured.ratio(held, free, figure)));
        };
        row("first", Sample::first_ms);
        row("warm", Sample::warm_ms);
    }
    rows
}

/// What is our own of a batch's time: all but the slower of fal's two.
fn batch(measured: &Measured) -> Vec<Row> {
    let which = ("batch", Condition::Plain);
    let warm = measured.samples(which).iter().flat_map(|sample| sample.answers.iter().skip(1));
    let ratios = warm.map(|answered| ms(answered.took) / answered.fal_ms()).collect();
    let unit = "ms above the slower call";
    vec![
        Row::new(Part::Batch, "first", measured.median(which, Sample::first_ms), unit),
        Row::new(Part::Batch, "warm", measured.median(which, Sample::warm_ms), unit)
            .beside("the slower call", Spread::of(ratios)),
    ]
}

fn evicted(measured: &Measured) -> Vec<Row> {
    let names = [("hello", "hello"), ("coin-balance", "coin-balance"), ("text-to-image", "generate-image")];
    let rows = names.map(|(subject, name)| {
        let which = (subject, Condition::Evicted);
        let figure = measured.median(which, Sample::ready_ms);
        let ratio = measured.ratio(which, ("hello", Condition::Evicted), Sample::ready_ms);
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
            let which = (subject.name, Condition::Plain);
            let row = Row::new(Part::Memory, subject.name, Some(measured.median(which, megabytes)?), "MB");
            Some(row.beside("hello", measured.ratio(which, of_hello, megabytes)))
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

/// The most that any event of any sample called.
fn calls(measured: &Measured) -> Vec<Row> {
    let most = |name: &str, count: &dyn Fn(&Answered) -> usize| {
        let samples = measured.samples((name, Condition::Plain)).iter();
        // The first of the replays is the success that is replayed.
        let skipped = usize::from(name == "replay");
        samples.flat_map(|sample| sample.answers.iter().skip(skipped)).map(count).max()
    };
    let services = [("DynamoDB", Service::DynamoDb), ("S3", Service::S3), ("fal", Service::Fal)];
    let asked =
        measured.subjects.iter().filter(|subject| !subject.is_only_started() && subject.binary != "hello");
    let mut rows = Vec::new();
    let mut scans = 0;
    for subject in asked {
        for (title, service) in services {
            let of_service =
                |answered: &Answered| answered.calls.iter().filter(|call| call.service == service).count();
            if let Some(count) = most(subject.name, &of_service) {
                rows.push(Row::new(
                    Part::Calls,
                    format!("{}, {title}", subject.name),
                    Some(count as f64),
                    "",
                ));
            }
        }
        let of_scans =
            |answered: &Answered| answered.calls.iter().filter(|call| call.operation == "Scan").count();
        scans += most(subject.name, &of_scans).unwrap_or_default();
    }
    // A call that nobody makes and nobody is held to is no news.
    rows.retain(|row| row.figure != Some(0.0) || row.target.is_some());
    rows.push(Row::new(Part::Calls, "scans, all functions", Some(scans as f64), ""));
    rows
}

fn peers(measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["boto3", "FastAPI"] {
        for (condition, suffix) in [(Condition::Plain, ""), (Condition::Share(SHARES[0]), ", 128 MB")] {
            let which = (name, condition);
            let figure = measured.median(which, Sample::until_first_ms);
            let ratio = measured.ratio(which, ("coin-balance", condition), Sample::until_first_ms);
            rows.push(
                Row::new(Part::Peers, format!("{name}{suffix}"), figure, "ms").beside("coin-balance", ratio),
            );
        }
    }
    rows
}
