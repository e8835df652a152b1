//! Compares the instructions of the functions with the record in `bench/instructions.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::binaries::{Binaries, output_of};
use crate::instructions::{Counts, count, valgrind_version};
use crate::sample::Lab;
use crate::subjects::Subject;

/// The subjects on record.
const WATCHED: [&str; 7] =
    ["coin-balance", "text-to-image", "generations", "submit", "webhook", "second webhook", "heal"];

/// The largest accepted change, as a part of the recorded count.
const TOLERANCE: f64 = 0.03;

const RECORD: &str = "bench/instructions.json";

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The compiler and its target. Another compiler makes other code.
    rustc: String,
    /// These two matter little: valgrind shows programs a processor of its own, and libc does little here.
    valgrind: String,
    libc: String,
    /// By subject.
    counts: BTreeMap<String, Counts>,
}

/// Counts the instructions and compares them with the record, or writes the record with `update`.
pub fn check(
    root: &Path,
    lab: &Lab,
    binaries: &Binaries,
    subjects: &[Subject],
    update: bool,
) -> anyhow::Result<ExitCode> {
    let valgrind =
        valgrind_version().context("instructions are counted by valgrind, and it is not installed")?;
    let watched = subjects.iter().filter(|subject| WATCHED.contains(&subject.name));
    let counts = watched.map(|subject| Ok((subject.name.to_owned(), count(lab, binaries, subject)?)));
    let now = Record {
        rustc: compiler()?,
        valgrind,
        libc: output_of(Command::new("getconf").arg("GNU_LIBC_VERSION"))?,
        counts: counts.collect::<anyhow::Result<_>>()?,
    };
    let file = root.join(RECORD);
    let mut out = io::stdout().lock();
    if update {
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&now)?))?;
        writeln!(out, "Written to {RECORD}.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let text =
        fs::read_to_string(&file).with_context(|| format!("{RECORD} cannot be read; --update makes it"))?;
    let record: Record =
        serde_json::from_str(&text).with_context(|| format!("{RECORD} is not as --update makes it"))?;
    compare(&mut out, &record, &now)
}

fn compare(out: &mut impl Write, record: &Record, now: &Record) -> anyhow::Result<ExitCode> {
    let mut differing = 0;
    writeln!(out, "{:<28} {:>12} {:>12} {:>8}", "instructions", "on record", "now", "change")?;
    for (name, counts) in &now.counts {
        let recorded =
            record.counts.get(name).with_context(|| format!("{name} is not on record; --update adds it"))?;
        for ((what, before), (_, after)) in recorded.named().into_iter().zip(counts.named()) {
            let change = after as f64 / before as f64 - 1.0;
            let mark = if change.abs() > TOLERANCE { "<" } else { "" };
            differing += usize::from(change.abs() > TOLERANCE);
            let percent = format!("{:+.1} %", change * 100.0);
            writeln!(out, "{:<28} {before:>12} {after:>12} {percent:>8} {mark}", format!("{name}, {what}"))?;
        }
    }
    let of = |record: &Record| format!("{}, {}, {}", record.rustc, record.valgrind, record.libc);
    if record.rustc != now.rustc {
        writeln!(
            out,
            "NOT COMPARED: the record is of {}, and this is {}. Another compiler makes other code. To see what a change \
             of ours costs, run this with --update before the change and without it afterwards. When the compiler \
             changes for all, commit what --update writes, and nothing else with it.",
            record.rustc, now.rustc
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    if differing > 0 {
        writeln!(
            out,
            "{differing} counts are more than {} % from the record. If the change is worth it, or if it is less: \
             cargo run --release -p bench -- instructions --update, and commit {RECORD} with the change. \
             On record: {}. Here: {}.",
            TOLERANCE * 100.0,
            of(record),
            of(now)
        )?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "All within {} % of the record.", TOLERANCE * 100.0)?;
    Ok(ExitCode::SUCCESS)
}

/// Such as `rustc 1.95.0 for x86_64-unknown-linux-gnu`.
fn compiler() -> anyhow::Result<String> {
    let version = output_of(Command::new("rustc").arg("-vV"))?;
    let field = |name| {
        version.lines().find_map(|line| line.strip_prefix(name)).context("an unknown form of rustc -vV")
    };
    Ok(format!("rustc {} for {}", field("release: ")?, field("host: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(rustc: &str, warm: u64) -> Record {
        let counts = Counts { start: 1_000_000, first: 3_000_000, warm };
        let counts = [("coin-balance".to_owned(), counts)].into();
        Record { rustc: rustc.to_owned(), valgrind: "v".to_owned(), libc: "l".to_owned(), counts }
    }

    #[test]
    fn more_than_three_per_cent_more_or_less_fails_and_another_compiler_is_not_compared() {
        for (rustc, warm, fails) in [
            ("rustc 1", 1_029_000, false),
            ("rustc 1", 1_031_000, true),
            ("rustc 1", 971_000, false),
            ("rustc 1", 969_000, true),
            ("rustc 2", 2_000_000, false),
        ] {
            let mut out = Vec::new();
            let code = compare(&mut out, &record("rustc 1", 1_000_000), &record(rustc, warm)).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert_eq!(code == ExitCode::FAILURE, fails, "{out}");
            assert_eq!(out.contains("NOT COMPARED"), rustc == "rustc 2", "{out}");
        }
    }
}
