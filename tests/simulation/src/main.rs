//! Runs many worlds: `cargo run --release -p simulation` runs a million, `-- --seed 7` one, with its journal.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use simulation::{Failure, Figures, run};

/// Runs the functions' own code in simulated worlds, and audits each.
#[derive(Parser)]
struct Arguments {
    /// How many worlds to run.
    #[arg(long, default_value_t = 1_000_000)]
    worlds: u64,
    /// The first seed; the others follow it. By default it is random, and printed.
    #[arg(long)]
    from: Option<u64>,
    /// Begin no new world after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Run the world of this seed only, and print everything that happens in a failing one.
    #[arg(long)]
    seed: Option<u64>,
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn main() -> ExitCode {
    let Arguments { worlds, from, seconds, seed } = Arguments::parse();
    let worlds = if seed.is_some() { 1 } else { worlds };
    let from = seed.or(from).unwrap_or_else(|| fastrand::u64(0..1 << 40));
    println!("worlds from seed {from}");
    let started = Instant::now();
    let limit = seconds.map_or(Duration::MAX, Duration::from_secs);
    let (next, failed, total) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Figures::new()));
    let run_worlds = || {
        while started.elapsed() < limit && !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= worlds {
                break;
            }
            match run(from + number) {
                Ok(figures) => {
                    let mut total = total.lock().expect("no panic");
                    let figures = figures.into_iter().chain([("worlds".to_owned(), 1)]);
                    figures.for_each(|(name, count)| *total.entry(name).or_default() += count);
                }
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    explain(from + number, &failure, seed.is_some());
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(run_worlds);
        }
    });
    for (name, count) in &*total.lock().expect("no panic") {
        println!("{count:>10}  {name}");
    }
    println!("{:>10}  seconds", started.elapsed().as_secs());
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn explain(seed: u64, Failure { violations, journal }: &Failure, with_journal: bool) {
    println!("\nSeed {seed} breaks a promise:");
    violations.iter().for_each(|violation| println!("- {violation}"));
    if with_journal {
        journal.iter().for_each(|line| println!("{line}"));
    } else {
        println!("Everything that happened: cargo run --release -p simulation -- --seed {seed}\n");
    }
}
