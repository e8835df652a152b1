//! A part of a processor, as Lambda gives it: by memory, in periods of 20 ms.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

/// The memory at which Lambda gives one whole processor, in MB.
const WHOLE_PROCESSOR_MB: f64 = 1769.0;

/// How long a part of a period is counted for.
const PERIOD: Duration = Duration::from_millis(20);

/// Between two looks at what a process has used, where nobody else holds it to its part.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// Where Linux divides processors: the second version of control groups, and the first.
const SECOND: &str = "/sys/fs/cgroup";
const FIRST: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];

/// The part of a processor of a function with `memory_mb`.
pub fn share_of(memory_mb: u32) -> f64 {
    (f64::from(memory_mb) / WHOLE_PROCESSOR_MB).min(1.0)
}

/// How processes are held to their part.
#[derive(Debug)]
pub enum Throttle {
    /// By the kernel, in a group under this folder.
    Group(PathBuf),
    /// By stopping those that have used it up, where no group can be made.
    StopAndContinue,
}

impl Throttle {
    /// The best that this machine lets us.
    pub fn find() -> Self {
        let folders = FIRST.into_iter().chain([SECOND]).map(Path::new);
        let mut usable = folders.filter(|folder| {
            let probe = Group::make(folder).and_then(|group| group.limit(0.5));
            probe.is_ok()
        });
        usable.next().map_or(Self::StopAndContinue, |folder| Self::Group(folder.to_owned()))
    }

    /// How, in words.
    pub fn description(&self) -> String {
        match self {
            Self::Group(folder) => format!("a quota of the control groups in {}", folder.display()),
            Self::StopAndContinue => {
                "SIGSTOP and SIGCONT, because no control group can be made here".to_owned()
            }
        }
    }

    /// Holds `process` to `share` of a processor until this is dropped.
    pub fn hold(&self, process: Pid, share: f64) -> anyhow::Result<Held> {
        match self {
            Self::Group(folder) => {
                let group = Group::make(folder)?;
                group.limit(share)?;
                group.take_in(process)?;
                Ok(Held { _group: Some(group), _rhythm: None })
            }
            Self::StopAndContinue => Ok(Held { _group: None, _rhythm: Some(Rhythm::start(process, share)?) }),
        }
    }
}

/// A process held to its part, by either of the two. Dropping it ends that.
#[derive(Debug)]
pub struct Held {
    _group: Option<Group>,
    _rhythm: Option<Rhythm>,
}

/// A control group. Dropping it removes it.
#[derive(Debug)]
struct Group(PathBuf);

impl Group {
    fn make(folder: &Path) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = folder.join(format!("potret-bench-{}-{number}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    fn limit(&self, share: f64) -> anyhow::Result<()> {
        let period = PERIOD.as_micros();
        let quota = PERIOD.mul_f64(share).as_micros();
        if self.0.starts_with(FIRST[0]) || self.0.starts_with(FIRST[1]) {
            fs::write(self.0.join("cpu.cfs_period_us"), period.to_string())?;
            fs::write(self.0.join("cpu.cfs_quota_us"), quota.to_string())?;
        } else {
            fs::write(self.0.join("cpu.max"), format!("{quota} {period}"))?;
        }
        Ok(())
    }

    fn take_in(&self, process: Pid) -> anyhow::Result<()> {
        let file = self.0.join("cgroup.procs");
        fs::write(&file, process.to_string()).with_context(|| format!("cannot write to {}", file.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel lets go of a group's last process a little after it has ended.
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Stops a process for the rest of every period in which it has used up its part. Dropping it ends that.
#[derive(Debug)]
struct Rhythm {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rhythm {
    fn start(process: Pid, share: f64) -> anyhow::Result<Self> {
        let clock = ClockId::pid_cpu_clock_id(process)?;
        // A process that has ended uses no more.
        let used = move || clock.now().map(Duration::from).unwrap_or_default();
        let is_over = Arc::new(AtomicBool::new(share >= 1.0));
        let until = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let (began, used_before) = (Instant::now(), used());
                while began.elapsed() < PERIOD {
                    thread::sleep(LOOK_EVERY);
                    if used().saturating_sub(used_before) >= PERIOD.mul_f64(share) {
                        kill(process, Signal::SIGSTOP).ok();
                        thread::sleep(PERIOD.saturating_sub(began.elapsed()));
                        kill(process, Signal::SIGCONT).ok();
                    }
                }
            }
        });
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Rhythm {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
