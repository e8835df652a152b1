//! What the largest and the worst bodies cost: `cargo run --release --package fuzz --example hostile_bodies`.
//!
//! Every body is as large as Lambda lets an event be. The time of its response is shown as a multiple of the time that
//! hashing the same bytes takes on the same machine, its memory as a multiple of the body.

use std::time::{Duration, Instant};

use fuzz::bodies::bodies;
use fuzz::generation::{refusal, request};
use fuzz::responses;
use peak_alloc::PeakAlloc;
use sha2::{Digest, Sha256};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The fastest of so many runs counts.
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
        let response = quickest(|| {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            match refusal(&request) {
                Some(refusal) => {
                    responses::check(&refusal);
                    (status, bytes) = (refusal.status().as_u16().to_string(), refusal.body().len());
                }
                None => status = "accepted".to_owned(),
            }
            peak = MEMORY.peak_usage() - before;
        });
        let (slower, larger) = (response.as_secs_f64() / hash.as_secs_f64(), peak as f64 / body.len() as f64);
        println!("{name:<44} {status:>9} {bytes:>7} {slower:>9.2} {larger:>9.1}");
    }
}

fn quickest(mut work: impl FnMut()) -> Duration {
    let once = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..RUNS).map(once).min().unwrap_or_default()
}
