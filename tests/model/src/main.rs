//! Explores every scenario, the large ones too, and prints what there was. Build it with `--release`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use model::{Explored, Model, scenario};

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut total = Explored::default();
    let began = Instant::now();
    writeln!(out, "{:>10} {:>12} {:>5} {:>7}  scenario", "states", "transitions", "depth", "seconds")?;
    for scenario in scenario::small().into_iter().chain(scenario::large()) {
        let began = Instant::now();
        match Model::new(scenario).explore() {
            Ok(explored) => {
                let Explored { states, transitions, depth, .. } = explored;
                let seconds = began.elapsed().as_secs_f64();
                writeln!(out, "{states:10} {transitions:12} {depth:5} {seconds:7.1}  {scenario}")?;
                total = total.and(explored);
            }
            Err(counterexample) => {
                writeln!(out, "{scenario}\n{counterexample}")?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let Explored { states, transitions, depth, .. } = total;
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{states:10} {transitions:12} {depth:5} {seconds:7.1}  all, and every promise kept")?;
    Ok(ExitCode::SUCCESS)
}
