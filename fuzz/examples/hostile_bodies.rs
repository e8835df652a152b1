//! What the largest and the worst bodies cost: `cargo run --release --package fuzz --example hostile_bodies`.
//!
//! Every body is as large as Lambda lets an event be. Its answer's time is told as a multiple of the time that hashing
//! the same bytes takes on the same machine, its memory as a multiple of the body.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fuzz::answers;
use fuzz::generation::{refusal, request};
use peak_alloc::PeakAlloc;
use sha2::{Digest, Sha256};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The largest event of Lambda's.
const BODY_BYTES: usize = 6 * 1024 * 1024;

/// The best of so many runs counts.
const RUNS: usize = 3;

#[allow(clippy::print_stdout, reason = "a command's output")]
fn main() {
    println!("{:<44} {:>9} {:>7} {:>9} {:>9}", "body", "status", "bytes", "time/hash", "peak/body");
    for (name, body) in bodies() {
        let hash = quickest(|| {
            std::hint::black_box(Sha256::digest(&body));
        });
        let request = request(&body, None);
        let (mut status, mut bytes, mut peak) = (String::new(), 0, 0);
        let answer = quickest(|| {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            match refusal(&request) {
                Some(refusal) => {
                    answers::check(&refusal);
                    (status, bytes) = (refusal.status().as_u16().to_string(), refusal.body().len());
                }
                None => status = "accepted".to_owned(),
            }
            peak = MEMORY.peak_usage() - before;
        });
        let (slower, larger) = (answer.as_secs_f64() / hash.as_secs_f64(), peak as f64 / body.len() as f64);
        println!("{name:<44} {status:>9} {bytes:>7} {slower:>9.2} {larger:>9.1}");
    }
}

fn quickest(mut work: impl FnMut()) -> Duration {
    let once = |_| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    };
    (0..RUNS).map(once).min().unwrap_or_default()
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let photo = |bytes: usize| {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x02\0\0\0".to_vec();
        png.resize(bytes, 7);
        BASE64_STANDARD.encode(png)
    };
    let largest = photo(4 * 1024 * 1024);
    let wrapped =
        largest.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair) + " ").collect::<String>();
    vec![
        ("a photo of 4 MiB", format!(r#"{{"prompt": "a", "face_image": "{largest}"}}"#).into_bytes()),
        (
            "the same with a fault at its end",
            format!(r#"{{"prompt": "a", "face_image": "{largest}@"}}"#).into_bytes(),
        ),
        ("a larger photo", filled(r#"{"prompt": "a", "face_image": ""#, "A", r#""}"#)),
        (
            "base64, a space after every second character",
            filled(r#"{"face_image": ""#, &wrapped[..300], r#""}"#),
        ),
        ("a prompt", filled(r#"{"prompt": ""#, "x", r#""}"#)),
        ("a prompt of escapes", filled(r#"{"prompt": ""#, r"\u00e9", r#""}"#)),
        ("a name", filled(r#"{""#, "~", r#"": 0}"#)),
        ("unknown fields", fields()),
        ("the same field again and again", filled("{", r#""prompt":0,"#, r#""prompt":0}"#)),
        ("a list of numbers", filled(r#"{"product_images": ["#, "0,", "0]}")),
        ("a list of empty lists", filled(r#"{"product_images": ["#, "[],", "[]]}")),
        ("a list of objects", filled(r#"{"product_images": ["#, r#"{"":0},"#, "{}]}")),
        ("LoRAs of objects", filled(r#"{"loras": ["#, r#"{"":0},"#, "{}]}")),
        ("open brackets", filled("", "[", "")),
        ("a list cut off", filled(r#"{"a": ["#, r#"{"":0},"#, "")),
        ("spaces", filled("{", " ", "}")),
    ]
}

/// `begin`, then `middle` until the body is as large as it may be, then `end`.
fn filled(begin: &str, middle: &str, end: &str) -> Vec<u8> {
    let times = (BODY_BYTES - begin.len() - end.len()) / middle.len();
    [begin, &middle.repeat(times), end].concat().into_bytes()
}

fn fields() -> Vec<u8> {
    let mut body = "{".to_owned();
    for number in 0u32.. {
        if body.len() > BODY_BYTES - 20 {
            break;
        }
        body.push_str(&format!("\"{number:x}\":0,"));
    }
    (body + "\"x\":0}").into_bytes()
}
