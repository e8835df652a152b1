//! The corpus, replayed: input that was interesting to the fuzzers once stays a test, on every machine.
#![allow(clippy::print_stdout, reason = "a failed test shows which input it was")]

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::bodies::bodies;
use fuzz::generation::{refusal, request};
use fuzz::{TARGETS, responses};

fn replay(target: &str, folder: &Path) -> usize {
    let run = TARGETS.iter().find(|(name, _)| *name == target).expect("a target").1;
    let mut replayed = 0;
    for entry in fs::read_dir(folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            replayed += replay(target, &path);
        } else {
            println!("{}", path.display());
            run(&fs::read(&path).expect("a readable file"));
            replayed += 1;
        }
    }
    replayed
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn replay_corpus(target: &str) {
    assert!(replay(target, &here("corpus").join(target)) > 0, "{target} has no corpus");
}

#[test]
fn no_request_body_does_harm() {
    replay_corpus("request_body");
}

#[test]
fn no_photo_does_harm() {
    replay_corpus("photo");
}

#[test]
fn no_idempotency_key_does_harm() {
    replay_corpus("idempotency_key");
}

#[test]
fn no_fal_response_does_harm() {
    replay_corpus("fal_response");
}

#[test]
fn no_http_event_does_harm() {
    replay_corpus("http_event");
    assert!(replay("http_event", &here("../../events")) > 0);
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
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let mut folders: Vec<_> = fs::read_dir(here("corpus"))
        .expect("a corpus")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    let mut targets = TARGETS.map(|(name, _)| name);
    folders.sort();
    targets.sort_unstable();
    assert_eq!(folders, targets);
}
