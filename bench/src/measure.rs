//! The rounds: everything once in each, every time in another order, so that what else the machine does meets all alike.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::announce;
use crate::arguments::Part;
use crate::binaries::Binaries;
use crate::environment;
use crate::evicted::Evictable;
use crate::peers::Peer;
use crate::sample::{Lab, Program, Sample};
use crate::statistics::{Spread, median};
use crate::subjects::Subject;
use crate::throttle::{Throttle, share_of};

/// Memory settings whose processor share is measured, in MB: the smallest, and the first with a whole processor.
pub const SHARES: [u32; 2] = [128, 1769];

/// The subjects that are also measured under other conditions than plain ones.
const THROUGHOUT: [&str; 3] = ["hello", "coin-balance", "text-to-image"];

/// Events at a share of a processor. Python needs a fifth of a second for each.
const EVENTS_AT_A_SHARE: usize = 6;

/// Under which condition a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The whole machine.
    Plain,
    /// The processor share of a function with so many MB, from when it is ready.
    Share(u32),
    /// Started from a file that is not in the page cache.
    Evicted,
}

/// A subject under a condition.
pub type Which<'n> = (&'n str, Condition);

/// All samples, by subject and condition, in the order of the rounds.
#[derive(Debug)]
pub struct Measured {
    samples: BTreeMap<(&'static str, Condition), Vec<Sample>>,
    /// What was measured, in the order of the table.
    pub subjects: Vec<Subject>,
    /// How many rounds there were.
    pub rounds: u32,
    /// What a reader must know of this run.
    pub notes: Vec<String>,
}

impl Measured {
    /// The samples of `which`; none if it was not measured.
    pub fn samples(&self, (name, condition): Which<'_>) -> &[Sample] {
        let found = self.samples.iter().find(|(key, _)| **key == (name, condition));
        found.map_or(&[], |(_, samples)| samples)
    }

    /// The median of `figure`, if `which` was measured.
    pub fn median(&self, which: Which<'_>, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.samples(which).iter().map(figure).collect())
    }

    /// `figure` of the one sample and of the other, put together by `compare`, round by round.
    pub fn compared(
        &self,
        [one, other]: [Which<'_>; 2],
        figure: impl Fn(&Sample) -> f64,
        compare: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let pairs = self.samples(one).iter().zip(self.samples(other));
        Spread::of(pairs.map(|(one, other)| compare(figure(one), figure(other))).collect())
    }

    /// How many times the other's the one's `figure` is.
    pub fn ratio(&self, one: Which<'_>, other: Which<'_>, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        self.compared([one, other], figure, |one, other| one / other)
    }
}

/// One process of each round.
struct Variant {
    subject: Subject,
    condition: Condition,
    program: Program,
    events: usize,
    evictable: Option<Evictable>,
}

/// Measures what `parts` are made of.
pub fn run(
    lab: &Lab,
    binaries: &Binaries,
    subjects: &[Subject],
    peers: &[Peer],
    parts: &[Part],
    rounds: u32,
) -> anyhow::Result<Measured> {
    let throttle = Throttle::find();
    let mut variants = Vec::new();
    for subject in subjects {
        for condition in conditions(subject, parts) {
            let program = program(lab, binaries, subject)?;
            variants.push(Variant::new(lab, subject.clone(), condition, program)?);
        }
    }
    for Peer { subject, program } in peers {
        for condition in [Condition::Plain, Condition::Share(SHARES[0])] {
            variants.push(Variant::new(lab, subject.clone(), condition, program.clone())?);
        }
    }
    let mut samples: BTreeMap<_, Vec<Sample>> = BTreeMap::new();
    // The round before the first is not counted: it reads the files from the disk.
    for round in if variants.is_empty() { 0..0 } else { 0..rounds + 1 } {
        announce(&format!("Round {round} of {rounds}: {} processes.", variants.len()));
        variants.rotate_left(usize::from(round > 0));
        for variant in &variants {
            let sample = variant.sample(lab, &throttle)?;
            if round > 0 {
                samples.entry((variant.subject.name, variant.condition)).or_default().push(sample);
            }
        }
    }
    let subjects = subjects.iter().chain(peers.iter().map(|peer| &peer.subject)).cloned().collect();
    let mut measured = Measured { samples, subjects, rounds, notes: Vec::new() };
    measured.notes = notes(&measured, &throttle);
    Ok(measured)
}

/// The binary of `subject`, in the environment that it needs.
pub fn program(lab: &Lab, binaries: &Binaries, subject: &Subject) -> anyhow::Result<Program> {
    Ok(Program {
        file: binaries.file(subject.binary)?.to_owned(),
        arguments: Vec::new(),
        environment: environment::of_function(subject.binary, &lab.backends, subject.trusts_the_run),
    })
}

impl Variant {
    fn new(lab: &Lab, subject: Subject, condition: Condition, mut program: Program) -> anyhow::Result<Self> {
        let events = match condition {
            _ if subject.is_only_started() => 0,
            Condition::Plain => 1 + subject.warm_events,
            Condition::Share(_) => EVENTS_AT_A_SHARE,
            Condition::Evicted => 0,
        };
        let mut evictable = None;
        if condition == Condition::Evicted {
            let copy = Evictable::copy_of(&program.file, &lab.folder, subject.name)?;
            program.file = copy.file().to_owned();
            evictable = Some(copy);
        }
        Ok(Self { subject, condition, program, events, evictable })
    }

    fn sample(&self, lab: &Lab, throttle: &Throttle) -> anyhow::Result<Sample> {
        if let Some(evictable) = &self.evictable {
            evictable.evict().context("the page cache cannot be told to let go")?;
        }
        let share = match self.condition {
            Condition::Share(memory_mb) => Some((throttle, share_of(memory_mb))),
            _ => None,
        };
        lab.sample(&self.program, &self.subject, self.events, share)
    }
}

/// The conditions under which `subject` is measured for `parts`.
fn conditions(subject: &Subject, parts: &[Part]) -> Vec<Condition> {
    let any = |wanted: &[Part]| wanted.iter().any(|part| parts.contains(part));
    let is_throughout = THROUGHOUT.contains(&subject.name);
    let is_plain = match subject.name {
        "batch" => any(&[Part::Batch]),
        "photos" => any(&[Part::Memory, Part::Calls]),
        "replay" => any(&[Part::Calls]),
        _ if subject.is_only_started() => any(&[Part::Start]),
        _ if is_throughout => {
            any(&[Part::Share, Part::Start, Part::First, Part::Warm, Part::Memory, Part::Calls, Part::Peers])
        }
        _ => any(&[Part::Start, Part::First, Part::Warm, Part::Memory, Part::Calls]),
    };
    let mut conditions = Vec::new();
    conditions.extend(is_plain.then_some(Condition::Plain));
    if is_throughout && any(&[Part::Share]) {
        conditions.extend(SHARES.map(Condition::Share));
    } else if is_throughout && any(&[Part::Peers]) {
        conditions.push(Condition::Share(SHARES[0]));
    }
    conditions.extend((is_throughout && any(&[Part::Evicted])).then_some(Condition::Evicted));
    conditions
}

fn notes(measured: &Measured, throttle: &Throttle) -> Vec<String> {
    let mut notes = vec![format!(
        "{} rounds; every figure is a median, every ratio the median of the rounds' ratios.",
        measured.rounds
    )];
    let has = |condition| !measured.samples(("hello", condition)).is_empty();
    if has(Condition::Share(SHARES[0])) {
        notes.push(format!("A part of the processor is given by {}.", throttle.description()));
    }
    if has(Condition::Evicted) {
        let faults = measured.median(("hello", Condition::Evicted), |sample| sample.major_faults as f64);
        if faults == Some(0.0) {
            notes.push(
                "NOT EVICTED: no process waited for the disk, so this file system keeps its files in memory."
                    .to_owned(),
            );
        }
    }
    notes
}
