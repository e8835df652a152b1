//! Runs many worlds: `cargo run --release -p simulation` runs a million, `-- --seed 7` one, with its journal.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use simulation::{Failure, Figures, run};

/// Runs the functions' own code in simulated worlds and audits each.
#[derive(Parser)]
struct Arguments {
    /// How many worlds to run.
    #[arg(long, default_value_t = 1_000_000)]
    worlds: u64,
    /// The first seed; the others follow it. Drawn when not given, and printed.
    #[arg(long)]
    from: Option<u64>,
    /// Stop beginning new worlds after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Run the world of this seed only, and print everything that happens in it.
    #[arg(long)]
    seed: Option<u64>,
}

#[allow(clippy::print_stdout, reason = "a command's output")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        return match run(seed) {
            Ok(figures) => {
                print(&figures);
                ExitCode::SUCCESS
            }
            Err(failure) => {
                explain(seed, &failure, true);
                ExitCode::FAILURE
            }
        };
    }
    let from = arguments.from.unwrap_or_else(|| fastrand::u64(0..1 << 40));
    println!("worlds from seed {from}");
    let started = Instant::now();
    let limit = arguments.seconds.map_or(Duration::MAX, Duration::from_secs);
    let (next, failed, total) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Figures::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while started.elapsed() < limit && !failed.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.worlds {
                        break;
                    }
                    match run(from + number) {
                        Ok(figures) => {
                            let mut total = total.lock().expect("no panic");
                            figures
                                .into_iter()
                                .for_each(|(name, count)| *total.entry(name).or_default() += count);
                            *total.entry("worlds".to_owned()).or_default() += 1;
                        }
                        Err(failure) => {
                            failed.store(true, Ordering::Relaxed);
                            explain(from + number, &failure, false);
                        }
                    }
                }
            });
        }
    });
    print(&total.lock().expect("no panic"));
    println!("{:>10}  seconds", started.elapsed().as_secs());
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[allow(clippy::print_stdout, reason = "a command's output")]
fn print(figures: &Figures) {
    for (name, count) in figures {
        println!("{count:>10}  {name}");
    }
}

#[allow(clippy::print_stdout, reason = "a command's output")]
fn explain(seed: u64, failure: &Failure, with_journal: bool) {
    println!("\nSeed {seed} breaks a promise:");
    failure.violations.iter().for_each(|violation| println!("- {violation}"));
    if with_journal {
        failure.journal.iter().for_each(|line| println!("{line}"));
    } else {
        println!("Everything that happened: cargo run --release -p simulation -- --seed {seed}\n");
    }
}
