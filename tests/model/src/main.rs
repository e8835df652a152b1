//! Explores every scenario, including the large ones, and prints the numbers. Build it with `--release`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use model::{Explored, Model, scenario};

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut total = Explored::default();
    let start = Instant::now();
    writeln!(out, "{:>10} {:>12} {:>5} {:>7}  scenario", "states", "transitions", "depth", "seconds")?;
    for scenario in scenario::small().into_iter().chain(scenario::large()) {
        let start = Instant::now();
        match Model::new(scenario).explore() {
            Ok(explored) => {
                write_line(&mut out, &explored, start, &scenario.to_string())?;
                total = total.and(explored);
            }
            Err(counterexample) => {
                writeln!(out, "{scenario}\n{counterexample}")?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    write_line(&mut out, &total, start, "all; every promise is kept")?;
    Ok(ExitCode::SUCCESS)
}

fn write_line(out: &mut impl Write, explored: &Explored, start: Instant, scenario: &str) -> io::Result<()> {
    let Explored { states, transitions, depth, .. } = explored;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(out, "{states:10} {transitions:12} {depth:5} {seconds:7.1}  {scenario}")
}
