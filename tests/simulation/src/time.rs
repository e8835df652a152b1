//! Time that jumps: a world of minutes runs in milliseconds.

use tokio::task::LocalSet;

/// A debug build's futures are too large for a thread's usual stack.
const STACK_BYTES: usize = 16 << 20;

/// Runs `work` on a thread of its own, whose clock stands still while anything can be done, and then jumps.
pub fn in_paused_time<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        // Webhooks and the run once a minute are tasks beside the work, on the same thread.
        runtime.expect("a runtime").block_on(LocalSet::new().run_until(work()))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let done = thread.expect("a thread").join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
