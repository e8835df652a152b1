//! The rounds: each round measures everything once, in another order, so that other load on the machine is
//! spread.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::announce;
use crate::arguments::Part;
use crate::binaries::Binaries;
use crate::environment;
use crate::evicted;
use crate::peers::Peer;
use crate::sample::{Lab, Program, Sample};
use crate::statistics::{Spread, median};
use crate::subjects::Subject;

/// The smallest memory setting, whose processor share is measured.
const SMALLEST_MB: u32 = 128;

/// The subjects that are measured under all conditions.
pub const THROUGHOUT: [&str; 3] = ["hello", "coin-balance", "text-to-image"];

/// Events at a share of a processor. Python needs a fifth of a second for each.
const EVENTS_AT_A_SHARE: usize = 6;

/// The condition under which a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// With the whole machine.
    Plain,
    /// With the processor share of the smallest memory setting, from when it is ready.
    Share,
    /// Started from a file that is not in the page cache.
    Evicted,
}

/// The name of a subject, and a condition.
pub type Variant = (&'static str, Condition);

/// All samples, in the order of the rounds.
#[derive(Debug)]
pub struct Measured {
    samples: BTreeMap<Variant, Vec<Sample>>,
    /// In the order of the table.
    pub subjects: Vec<Subject>,
    /// Remarks on this run, for the reader of the table.
    pub notes: Vec<String>,
}

impl Measured {
    /// Empty if the variant was not measured.
    pub fn samples(&self, variant: Variant) -> &[Sample] {
        self.samples.get(&variant).map_or(&[], Vec::as_slice)
    }

    pub fn median(&self, variant: Variant, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.samples(variant).iter().map(figure).collect())
    }

    /// `compare` of the figures of two variants in each round.
    pub fn compared(
        &self,
        [one, other]: [Variant; 2],
        figure: impl Fn(&Sample) -> f64,
        compare: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let pairs = self.samples(one).iter().zip(self.samples(other));
        Spread::of(pairs.map(|(one, other)| compare(figure(one), figure(other))).collect())
    }

    pub fn ratio(&self, variants: [Variant; 2], figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        self.compared(variants, figure, |one, other| one / other)
    }
}

/// One process of each round.
struct Run {
    subject: Subject,
    condition: Condition,
    program: Program,
    events: usize,
}

/// Measures the samples that `parts` need.
pub fn run(
    lab: &Lab,
    binaries: &Binaries,
    subjects: &[Subject],
    peers: &[Peer],
    parts: &[Part],
    rounds: u32,
) -> anyhow::Result<Measured> {
    let mut runs = Vec::new();
    for subject in subjects {
        for condition in conditions(subject, parts) {
            runs.push(Run::new(lab, subject, condition, program(lab, binaries, subject)?)?);
        }
    }
    for Peer { subject, program } in peers {
        for condition in [Condition::Plain, Condition::Share] {
            runs.push(Run::new(lab, subject, condition, program.clone())?);
        }
    }
    let mut samples: BTreeMap<_, Vec<Sample>> = BTreeMap::new();
    // Round 0 reads the files from the disk and is not counted.
    for round in if runs.is_empty() { 0..0 } else { 0..rounds + 1 } {
        announce(&format!("Round {round} of {rounds}: {} processes.", runs.len()));
        runs.rotate_left(usize::from(round > 0));
        for run in &runs {
            let sample = run.sample(lab)?;
            if round > 0 {
                samples.entry((run.subject.name, run.condition)).or_default().push(sample);
            }
        }
    }
    let subjects = subjects.iter().chain(peers.iter().map(|peer| &peer.subject)).cloned().collect();
    let mut measured = Measured { samples, subjects, notes: Vec::new() };
    let medians = "every figure is a median, every ratio the median of the rounds' ratios";
    measured.notes.push(format!("{rounds} rounds; {medians}."));
    let waited = measured.median(("hello", Condition::Evicted), |sample| sample.major_faults as f64);
    if waited == Some(0.0) {
        let note =
            "NOT EVICTED: no process waited for the disk, so this file system keeps its files in memory.";
        measured.notes.push(note.to_owned());
    }
    Ok(measured)
}

/// The binary of `subject` with its environment.
pub fn program(lab: &Lab, binaries: &Binaries, subject: &Subject) -> anyhow::Result<Program> {
    Ok(Program {
        file: binaries.file(subject.binary)?,
        arguments: Vec::new(),
        environment: environment::of_function(subject.binary, &lab.backends, subject.trusts_the_run)?,
    })
}

impl Run {
    fn new(lab: &Lab, subject: &Subject, condition: Condition, mut program: Program) -> anyhow::Result<Self> {
        let events = match condition {
            _ if subject.is_only_started() => 0,
            Condition::Plain => 1 + subject.warm_events,
            Condition::Share => EVENTS_AT_A_SHARE,
            Condition::Evicted => 0,
        };
        if condition == Condition::Evicted {
            program.file = evicted::copy(&program.file, &lab.folder, subject.name)?;
        }
        Ok(Self { subject: subject.clone(), condition, program, events })
    }

    fn sample(&self, lab: &Lab) -> anyhow::Result<Sample> {
        if self.condition == Condition::Evicted {
            evicted::evict(&self.program.file).context("the file cannot be evicted from the page cache")?;
        }
        let memory_mb = (self.condition == Condition::Share).then_some(SMALLEST_MB);
        lab.sample(&self.program, &self.subject, self.events, memory_mb)
    }
}

/// The conditions under which `subject` is measured for `parts`.
fn conditions(subject: &Subject, parts: &[Part]) -> Vec<Condition> {
    let any = |wanted: &[Part]| wanted.iter().any(|part| parts.contains(part));
    let is_throughout = THROUGHOUT.contains(&subject.name);
    let is_plain = match subject.name {
        "batch" => any(&[Part::Batch]),
        "photos" => any(&[Part::Memory]),
        _ if subject.is_only_started() => any(&[Part::Start]),
        _ if is_throughout && any(&[Part::Share, Part::Peers]) => true,
        _ => any(&[Part::Start, Part::First, Part::Warm, Part::Memory, Part::Calls, Part::Usd]),
    };
    let conditions = [
        (Condition::Plain, is_plain),
        (Condition::Share, is_throughout && any(&[Part::Share, Part::Peers])),
        (Condition::Evicted, is_throughout && any(&[Part::Evicted])),
    ];
    conditions.into_iter().filter(|(_, is_measured)| *is_measured).map(|(condition, _)| condition).collect()
}
