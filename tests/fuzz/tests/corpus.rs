//! The corpus, replayed: input that was interesting to the fuzzers once stays a test, on every machine.
#![allow(clippy::print_stdout, reason = "a failed test shows which input it was")]

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::bodies::bodies;
use fuzz::generation::{refusal, request};
use fuzz::{TARGETS, responses};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Has a target read every file in a folder.
fn replay(run: fn(&[u8]), folder: &Path) {
    let files = files(folder);
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display());
        run(&fs::read(&file).expect("a readable file"));
    }
}

#[test]
fn no_file_of_a_corpus_does_harm() {
    std::thread::scope(|scope| {
        for (target, run) in TARGETS {
            scope.spawn(move || replay(run, &here("corpus").join(target)));
        }
    });
}

#[test]
fn no_event_fixture_does_harm() {
    replay(fuzz::http_event::run, &here("../../events"));
}

/// The one that is not refused is a good photo.
#[test]
fn every_hostile_body_of_6_mb_gets_a_short_refusal() {
    let refused = bodies().into_iter().filter_map(|(name, body)| {
        println!("{name}");
        responses::check(&refusal(&request(&body, None))?);
        Some(name)
    });
    assert_eq!(refused.count(), 15);
}

#[test]
fn a_webhook_is_accepted_if_fal_signed_it_for_its_address() {
    let corpus = here("corpus/webhook");
    let is_accepted = |file: &PathBuf| fuzz::webhook::is_accepted(&fs::read(file).expect("a readable file"));
    let accepted = files(&corpus).into_iter().filter(is_accepted);
    let mut accepted: Vec<_> = accepted.filter_map(|file| Some(file.file_name()?.to_owned())).collect();
    accepted.sort();
    // A signature of another time is fal's as well: fal's queue then says what became of the job.
    let of_another_time = ["stale", "timestamp-huge"];
    let fresh = ["failed", "picture-not-a-web-address", "signed"];
    assert_eq!(accepted, [&fresh[..], &of_another_time, &["without-payload"]].concat());
}

#[test]
fn every_corpus_has_a_target() {
    for entry in fs::read_dir(here("corpus")).expect("a corpus") {
        let name = entry.expect("an entry").file_name();
        assert!(TARGETS.iter().any(|(target, _)| name == *target), "{name:?}");
    }
}
