//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

/// Measures the functions' release binaries beside a hello world.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// What to do other than the table.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How often everything is measured, in turns.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// The folder with the functions' binaries, `NAME` or `NAME/bootstrap`. Built when not given.
    #[arg(long, value_name = "DIR", global = true)]
    pub binaries: Option<PathBuf>,
    /// Measure Python with boto3, and with FastAPI, too. Installs them from PyPI into the target folder.
    #[arg(long)]
    pub peers: bool,
    /// Measure these parts only.
    #[arg(long, value_name = "PART", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Write the figures to this file, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Fail if a figure misses what it must reach.
    #[arg(long)]
    pub check: bool,
}

/// What to do other than the table.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Hold the instructions of a start, a first and a warm call against `bench/instructions.json`.
    Instructions {
        /// Write the counts there instead.
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
    /// From the start to the first answer.
    First,
    /// A later answer.
    Warm,
    /// At the processor share of a small and of a whole one.
    Share,
    /// A batch of pictures beside the slower of its calls of fal.
    Batch,
    /// The start from a disk.
    Evicted,
    /// Processor instructions.
    Instructions,
    /// Memory.
    Memory,
    /// What is uploaded.
    Size,
    /// Calls of DynamoDB, S3 and fal.
    Calls,
    /// Beside Python.
    Peers,
}

impl Part {
    /// Its heading in the table.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Start => "start to ready for the first event",
            Self::First => "start to the first answer",
            Self::Warm => "a warm answer",
            Self::Share => "with a part of the processor from ready on",
            Self::Batch => "a batch of two pictures, fal taking 300 and 500 ms",
            Self::Evicted => "start to ready, evicted from the page cache",
            Self::Instructions => "millions of instructions",
            Self::Memory => "peak memory",
            Self::Size => "zipped",
            Self::Calls => "calls a request",
            Self::Peers => "beside Python: its start to first answer, in multiples of ours",
        }
    }
}

impl Arguments {
    /// The parts to measure, in the order of the table. The peers are one only where they are installed.
    pub fn parts(&self) -> Vec<Part> {
        let is_chosen = |part: &Part| match part {
            Part::Peers => self.peers,
            part => self.only.is_empty() || self.only.contains(part),
        };
        Part::value_variants().iter().copied().filter(is_chosen).collect()
    }
}
