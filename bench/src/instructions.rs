//! Processor instructions, counted by callgrind. They do not depend on other load on the machine.
//!
//! Processes with 0, 1 and 11 events show the instructions of a start, a first and a later call. Two counts
//! of the same differ by the seeds of hash tables and the lengths of reads.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::announce;
use crate::arguments::Part;
use crate::binaries::Binaries;
use crate::measure::program;
use crate::rows::Row;
use crate::sample::{Lab, Program};
use crate::statistics::{Spread, median};
use crate::subjects::Subject;

/// The subjects in the table.
const COUNTED: [&str; 11] = [
    "hello",
    "coin-balance",
    "coin-balance, own roots",
    "text-to-image",
    "generations",
    "debug-last-prompt",
    "submit",
    "webhook",
    "second webhook",
    "heal",
    "heal-batches",
];

/// Each count is the median of so many.
const TIMES: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub start: u64,
    pub first: u64,
    pub warm: u64,
}

impl Counts {
    pub fn named(self) -> [(&'static str, u64); 4] {
        let until_first = if self.first > 0 { self.start + self.first } else { 0 };
        [("start", self.start), ("first", self.first), ("start and first", until_first), ("warm", self.warm)]
    }
}

/// `None` if valgrind is not installed.
pub fn valgrind_version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The counts of `subject`, without calls if it is only started.
pub fn count(lab: &Lab, binaries: &Binaries, subject: &Subject) -> anyhow::Result<Counts> {
    announce(&format!("Counting the instructions of {}.", subject.name));
    let program = program(lab, binaries, subject)?;
    let of = |events: usize| {
        let counts: anyhow::Result<Vec<_>> =
            (0..TIMES).map(|_| run(lab, &program, subject, events)).collect();
        median(counts?).context("it is counted at least once")
    };
    let start = of(0)?;
    if subject.is_only_started() {
        return Ok(Counts { start: start as u64, first: 0, warm: 0 });
    }
    let (one, eleven) = (of(1)?, of(11)?);
    Ok(Counts {
        start: start as u64,
        first: (one - start).max(0.0) as u64,
        warm: ((eleven - one) / 10.0).max(0.0) as u64,
    })
}

fn run(lab: &Lab, program: &Program, subject: &Subject, events: usize) -> anyhow::Result<f64> {
    let counts = lab.folder.join("callgrind.out");
    let under_valgrind = Program {
        file: "valgrind".into(),
        arguments: vec![
            "--tool=callgrind".into(),
            format!("--callgrind-out-file={}", counts.display()).into(),
            program.file.clone().into(),
        ],
        environment: program.environment.clone(),
    };
    lab.sample(&under_valgrind, subject, events, None)?;
    total(&counts)
}

fn total(file: &Path) -> anyhow::Result<f64> {
    let text = fs::read_to_string(file).context("callgrind left no counts")?;
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.context("callgrind's file has no totals")?.trim().parse()?)
}

pub fn rows(lab: &Lab, binaries: &Binaries, subjects: &[Subject]) -> anyhow::Result<Vec<Row>> {
    if valgrind_version().is_none() {
        announce("NOT COUNTED: instructions are counted by valgrind, which is not installed.");
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    let mut of_hello = None;
    for subject in COUNTED.iter().filter_map(|name| subjects.iter().find(|subject| subject.name == *name)) {
        let counts = count(lab, binaries, subject)?;
        let hello = *of_hello.get_or_insert(counts);
        for ((what, count), (_, of_hello)) in counts.named().into_iter().zip(hello.named()) {
            if count > 0 {
                let name = format!("{}, {what}", subject.name);
                let row = Row::new(Part::Instructions, name, Some(count as f64 / 1e6), "million");
                rows.push(row.beside("hello", Spread::of(vec![count as f64 / of_hello as f64])));
            }
        }
    }
    Ok(rows)
}
