//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Measures the functions' release binaries beside a hello world.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// In place of the table.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The number of rounds. Each measures everything once.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// The folder with the functions' binaries, `NAME` or `NAME/bootstrap`. Built when not given.
    #[arg(long, value_name = "DIR", global = true)]
    pub binaries: Option<PathBuf>,
    /// Also measure Python with boto3 and with FastAPI, installed from PyPI into the target folder.
    #[arg(long)]
    pub peers: bool,
    /// Measure these parts only.
    #[arg(long, value_name = "PART", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Fail if a figure misses its target.
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Compare the instructions of a start, a first and a warm call with `bench/instructions.json`.
    Instructions {
        /// Write the counts to that file instead.
        #[arg(long)]
        update: bool,
    },
}

/// A part of the table. Its help is its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Start to ready for the first event
    Start,
    /// Start to the first response
    First,
    /// A warm response
    Warm,
    /// With the processor share of 128 MB, from when it is ready
    Share,
    /// A batch of two pictures, fal taking 300 and 500 ms
    Batch,
    /// Start to ready, evicted from the page cache
    Evicted,
    /// Millions of instructions
    Instructions,
    /// Peak memory
    Memory,
    /// Calls of a warm response, and DynamoDB's units
    Calls,
    /// USD per million
    Usd,
    /// Zipped
    Size,
    /// Python: start to first response, in multiples of ours
    Peers,
}

impl Part {
    pub fn heading(self) -> String {
        let help = self.to_possible_value().and_then(|value| value.get_help().cloned());
        help.unwrap_or_default().to_string()
    }
}

impl Arguments {
    /// The parts to measure, in the order of the table. The peers need their own flag.
    pub fn parts(&self) -> Vec<Part> {
        let is_chosen = |part: &Part| match part {
            Part::Peers => self.peers,
            part => self.only.is_empty() || self.only.contains(part),
        };
        Part::value_variants().iter().copied().filter(is_chosen).collect()
    }
}
