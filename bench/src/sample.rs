//! One process from its start to its end: the times until it is ready, and of its first and its later
//! responses.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime_api::RuntimeApi;
use tokio::runtime::Handle;

use crate::backends::{Backends, Usage};
use crate::statistics::median;
use crate::subjects::Subject;
use crate::throttle::Throttle;

/// The time that a function behind an HTTP API has.
const TIME_TO_RESPOND: Duration = Duration::from_secs(29);

/// After this time a process is stuck and not slow. It may run under valgrind on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone)]
pub struct Program {
    pub file: PathBuf,
    pub arguments: Vec<OsString>,
    /// The whole environment but for the address of the Runtime API.
    pub environment: BTreeMap<&'static str, String>,
}

/// The figures of one process.
#[derive(Debug, Clone)]
pub struct Sample {
    /// From the start of the process until it asked for an event.
    pub ready: Duration,
    /// The responses in their order. The first is a cold one.
    pub responses: Vec<Responded>,
    /// The most memory that the process had.
    pub peak_bytes: u64,
    /// How often the process waited for a page from the disk.
    pub major_faults: u64,
}

/// The response to one event.
#[derive(Debug, Clone)]
pub struct Responded {
    pub took: Duration,
    /// The time of fal for the slower picture. Zero if there was none.
    pub fal: Duration,
    pub usage: Usage,
    /// What the function wrote to its log.
    pub log_bytes: u64,
}

impl Responded {
    /// Milliseconds without fal.
    pub fn own_ms(&self) -> f64 {
        ms(self.took) - ms(self.fal)
    }
}

impl Sample {
    pub fn ready_ms(&self) -> f64 {
        ms(self.ready)
    }

    pub fn peak_megabytes(&self) -> f64 {
        self.peak_bytes as f64 / 1e6
    }

    /// Milliseconds of the first response without fal.
    pub fn first_ms(&self) -> f64 {
        self.responses.first().map_or(f64::NAN, Responded::own_ms)
    }

    /// Milliseconds from the start to the first response without fal.
    pub fn until_first_ms(&self) -> f64 {
        self.ready_ms() + self.first_ms()
    }

    /// The median milliseconds of the later responses without fal.
    pub fn warm_ms(&self) -> f64 {
        median(self.responses.iter().skip(1).map(Responded::own_ms).collect()).unwrap_or(f64::NAN)
    }
}

pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The place where processes run, with the servers that they call.
#[derive(Debug)]
pub struct Lab {
    /// The threads of the servers.
    pub threads: Handle,
    pub backends: Backends,
    /// For files of this run.
    pub folder: PathBuf,
}

impl Lab {
    /// Runs `program` for `events` events of `subject`. From when it is ready, it has the processor share of
    /// a function with `memory_mb`, if given.
    pub fn sample(
        &self,
        program: &Program,
        subject: &Subject,
        events: usize,
        memory_mb: Option<u32>,
    ) -> anyhow::Result<Sample> {
        let log = self.folder.join("last.log");
        self.run(program, subject, events, memory_mb, &log).map_err(|error| {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let end: String = text.lines().rev().take(20).collect::<Vec<_>>().join("\n  ");
            anyhow!("{}: {error:#}. The end of its log, newest line first:\n  {end}", subject.name)
        })
    }

    fn run(
        &self,
        program: &Program,
        subject: &Subject,
        events: usize,
        memory_mb: Option<u32>,
        log: &Path,
    ) -> anyhow::Result<Sample> {
        self.backends.reset(subject.latency);
        let runtime_api = self.threads.block_on(RuntimeApi::start())?;
        let log_bytes = || -> anyhow::Result<u64> { Ok(fs::metadata(log)?.len()) };
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
        let started = Instant::now();
        let process =
            Process(command.spawn().with_context(|| format!("cannot start {}", program.file.display()))?);
        let ready = self.wait(runtime_api.ready()).context("it did not ask for an event")? - started;
        let _throttle = memory_mb.map(|memory_mb| Throttle::start(process.id(), memory_mb)).transpose()?;
        let mut responses = Vec::with_capacity(events);
        for _ in 0..events {
            let (event, logged) = (subject.fresh_event()?, log_bytes()?);
            let response = self.wait(runtime_api.invoke(event, context()));
            let response = response.context("it did not respond")?;
            let response =
                response.map_err(|error| anyhow!("{}: {}", error.error_type, error.error_message))?;
            self.wait(runtime_api.ready()).context("it did not ask for the next event")?;
            subject.check(&response.body)?;
            let (usage, fal) = self.backends.take_usage();
            let log_bytes = log_bytes()? - logged;
            responses.push(Responded { took: response.took, fal, usage, log_bytes });
        }
        let (peak_bytes, major_faults) = (peak_bytes(process.id())?, major_faults(process.id())?);
        Ok(Sample { ready, responses, peak_bytes, major_faults })
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> anyhow::Result<T> {
        Ok(self.threads.block_on(async { tokio::time::timeout(PATIENCE, future).await })?)
    }
}

fn context() -> lambda_runtime::Context {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + TIME_TO_RESPOND;
    let mut context = lambda_runtime::Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    context.deadline = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    context.invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned();
    context
}

/// A process that is ended when dropped.
struct Process(Child);

impl Process {
    fn id(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Valgrind must catch the signal, to write its counts.
        kill(self.id(), Signal::SIGTERM).ok();
        self.0.wait().ok();
    }
}

fn peak_bytes(process: Pid) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(peak.context("the process has no VmHWM")?.parse::<u64>()? * 1024)
}

fn major_faults(process: Pid) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may contain spaces. The count is the tenth field after it.
    let after_name = stat.rsplit_once(')').context("an unknown form of /proc/PID/stat")?.1;
    Ok(after_name.split_whitespace().nth(9).context("an unknown form of /proc/PID/stat")?.parse()?)
}
