//! One process from its start to its end: what it took to become ready, to answer the first time and again, and what it
//! called meanwhile.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Handle;

use crate::backends::{Backends, Call, Service};
use crate::runtime_api::RuntimeApi;
use crate::statistics::median;
use crate::subjects::Subject;
use crate::throttle::Throttle;

/// What is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment, but for the address of the Runtime API.
    pub environment: BTreeMap<String, String>,
}

/// Figures of one process.
#[derive(Debug, Clone)]
pub struct Sample {
    /// From its start until it asked for an event.
    pub ready: Duration,
    /// Its answers, in their order. The first is a cold one.
    pub answers: Vec<Answered>,
    /// The most memory that it had, in bytes.
    pub peak_bytes: u64,
    /// How often it waited for a page from the disk.
    pub major_faults: u64,
}

/// One event and its answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// From the one to the other.
    pub took: Duration,
    /// What was called meanwhile.
    pub calls: Vec<Call>,
}

impl Answered {
    /// Milliseconds that fal took for the slower picture, if any was asked for.
    pub fn fal_ms(&self) -> f64 {
        let of_fal = self.calls.iter().filter(|call| call.service == Service::Fal);
        of_fal.map(|call| ms(call.took)).fold(0.0, f64::max)
    }

    /// Milliseconds beyond that: the time that is our own.
    pub fn own_ms(&self) -> f64 {
        ms(self.took) - self.fal_ms()
    }
}

impl Sample {
    /// Milliseconds until it asked for an event.
    pub fn ready_ms(&self) -> f64 {
        ms(self.ready)
    }

    /// Milliseconds of the first answer, without fal's.
    pub fn first_ms(&self) -> f64 {
        self.answers.first().map_or(f64::NAN, Answered::own_ms)
    }

    /// Milliseconds of both.
    pub fn until_first_ms(&self) -> f64 {
        self.ready_ms() + self.first_ms()
    }

    /// Milliseconds of a later answer, without fal's: their median.
    pub fn warm_ms(&self) -> f64 {
        median(self.answers.iter().skip(1).map(Answered::own_ms).collect()).unwrap_or(f64::NAN)
    }
}

/// A duration in milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Where processes run, and whom they call.
#[derive(Debug)]
pub struct Lab {
    /// The servers' threads.
    pub threads: Handle,
    /// What is called.
    pub backends: Backends,
    /// For files of this run.
    pub folder: PathBuf,
}

impl Lab {
    /// Runs `program` for `events` events of `subject`, with a part of the processor from when it is ready.
    pub fn sample(
        &self,
        program: &Program,
        subject: &Subject,
        events: usize,
        share: Option<(&Throttle, f64)>,
    ) -> anyhow::Result<Sample> {
        let log = self.folder.join("last.log");
        self.run(program, subject, events, share, &log).map_err(|error| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let end: String = said.lines().rev().take(20).collect::<Vec<_>>().join("\n  ");
            anyhow!("{}: {error:#}. The last of what it said, newest first:\n  {end}", subject.name)
        })
    }

    fn run(
        &self,
        program: &Program,
        subject: &Subject,
        events: usize,
        share: Option<(&Throttle, f64)>,
        log: &Path,
    ) -> anyhow::Result<Sample> {
        self.backends.reset(subject.latency);
        let runtime_api = RuntimeApi::start(&self.threads)?;
        let log = File::create(log)?;
        let mut command = Command::new(&program.file);
        command
            .args(&program.arguments)
            .env_clear()
            .envs(&program.environment)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address().to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // Declared before the process, and so dropped after it: a group with a process in it cannot be removed.
        let _held;
        let started = Instant::now();
        let process =
            Process(command.spawn().with_context(|| format!("cannot start {}", program.file.display()))?);
        let ready = runtime_api.asked()? - started;
        _held = share.map(|(throttle, share)| throttle.hold(process.id(), share)).transpose()?;
        let mut answers = Vec::with_capacity(events);
        for _ in 0..events {
            let (took, answer) = runtime_api.invoke(subject.event.clone())?;
            subject.check(&answer)?;
            answers.push(Answered { took, calls: self.backends.take_calls() });
        }
        let (peak_bytes, major_faults) = (peak_bytes(process.id())?, major_faults(process.id())?);
        Ok(Sample { ready, answers, peak_bytes, major_faults })
    }
}

/// A process, which is ended in any case.
struct Process(Child);

impl Process {
    fn id(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not the signal that cannot be caught: valgrind writes down what it counted.
        kill(self.id(), Signal::SIGTERM).ok();
        self.0.wait().ok();
    }
}

/// The most memory that a process has had at once, by Linux's own book.
fn peak_bytes(process: Pid) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(peak.context("the process has no VmHWM")?.parse::<u64>()? * 1024)
}

fn major_faults(process: Pid) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold spaces. The number is the tenth field after it.
    let after_name = stat.rsplit_once(')').context("an unknown form of /proc/PID/stat")?.1;
    Ok(after_name.split_whitespace().nth(9).context("an unknown form of /proc/PID/stat")?.parse()?)
}
