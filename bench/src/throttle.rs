//! A share of a processor, as Lambda gives it: by memory, in periods of 20 ms.
//!
//! A process is stopped for the rest of each period in which it has used up its share. A control group would
//! need privileges, and another program on each system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

/// The memory at which Lambda gives one whole processor, in MB.
const WHOLE_PROCESSOR_MB: f64 = 1769.0;

const PERIOD: Duration = Duration::from_millis(20);

/// The pause between two looks at the used time.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// Holds a process to its share until dropped.
#[derive(Debug)]
pub struct Throttle {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    /// Gives `process` the share of a function with `memory_mb`.
    pub fn start(process: Pid, memory_mb: u32) -> anyhow::Result<Self> {
        let share = f64::from(memory_mb) / WHOLE_PROCESSOR_MB;
        let clock = ClockId::pid_cpu_clock_id(process)?;
        // A process that has ended uses no more.
        let used = move || clock.now().map(Duration::from).unwrap_or_default();
        let is_over = Arc::new(AtomicBool::new(false));
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

impl Drop for Throttle {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
