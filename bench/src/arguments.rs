//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

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
    /// Also write the figures to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
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

/// A part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// From the start of a process until it asks for an event.
    Start,
    /// From the start to the first response.
    First,
    /// A later response.
    Warm,
    /// Responses at a share of a processor.
    Share,
    /// A batch of pictures beyond the slower of its calls of fal.
    Batch,
    /// The start from a disk.
    Evicted,
    /// Processor instructions.
    Instructions,
    /// Peak memory.
    Memory,
    /// The size of a deployment.
    Size,
    /// Calls of DynamoDB, S3 and fal.
    Calls,
    /// A comparison with Python.
    Peers,
}

impl Part {
    pub fn heading(self) -> &'static str {
        match self {
            Self::Start => "start to ready for the first event",
            Self::First => "start to the first response",
            Self::Warm => "a warm response",
            Self::Share => "with a share of a processor, from when it is ready",
            Self::Batch => "a batch of two pictures, fal taking 300 and 500 ms",
            Self::Evicted => "start to ready, evicted from the page cache",
            Self::Instructions => "millions of instructions",
            Self::Memory => "peak memory",
            Self::Size => "zipped",
            Self::Calls => "calls a request",
            Self::Peers => "Python: start to first response, in multiples of ours",
        }
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
