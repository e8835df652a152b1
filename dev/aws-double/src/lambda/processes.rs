//! The instances of all functions that run as processes. An invocation reserves a free one or starts another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use lambda_runtime::Context;
use serde_json::Value;

use super::handler::{FunctionError, Handler};
use super::process::{Bootstrap, Process};

/// All processes. A clone is the same pool. Dropping the last clone kills the processes.
#[derive(Debug, Clone, Default)]
pub struct Processes(Arc<Mutex<Vec<Arc<Process>>>>);

impl Processes {
    /// A [`Handler`] whose invocations run in processes of `bootstrap`, one at a time in each. Dropping an
    /// unfinished invocation kills its process, as Lambda does when the time is up.
    #[must_use]
    pub fn handler(&self, bootstrap: Bootstrap) -> Handler {
        let (processes, bootstrap) = (self.clone(), Arc::new(bootstrap));
        Arc::new(move |event, context| {
            let (processes, bootstrap) = (processes.clone(), Arc::clone(&bootstrap));
            async move { processes.invoke(&bootstrap, event, context).await }.boxed()
        })
    }

    /// How many processes are alive.
    #[must_use]
    pub fn count(&self) -> usize {
        self.living().len()
    }

    /// Sends SIGKILL to one living process, chosen by `number`, whatever it is doing. Returns its function.
    pub fn kill_one(&self, number: usize) -> Option<String> {
        let living = self.living();
        let process = living.get(number.checked_rem(living.len())?)?;
        process.kill();
        Some(process.function.clone())
    }

    /// Kills all processes and waits for their ends.
    pub async fn stop(&self) {
        let living = self.living();
        living.iter().for_each(|process| process.kill());
        for process in living {
            process.ended().await;
        }
    }

    async fn invoke(
        &self,
        bootstrap: &Bootstrap,
        event: Value,
        context: Context,
    ) -> Result<Value, FunctionError> {
        let mut reserved = Reserved { process: self.reserve(bootstrap).await?, is_done: false };
        let outcome = reserved.process.run(event, context).await;
        reserved.is_done = true;
        outcome
    }

    async fn reserve(&self, bootstrap: &Bootstrap) -> Result<Arc<Process>, FunctionError> {
        let mut living = self.living().into_iter();
        if let Some(free) = living.find(|process| process.function == bootstrap.function && process.reserve())
        {
            return Ok(free);
        }
        let process = Arc::new(Process::start(bootstrap).await?);
        self.all().push(Arc::clone(&process));
        Ok(process)
    }

    fn living(&self) -> Vec<Arc<Process>> {
        let mut all = self.all();
        all.retain(|process| process.is_alive());
        all.clone()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Process>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process during an invocation.
struct Reserved {
    process: Arc<Process>,
    is_done: bool,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.is_done {
            self.process.release();
        } else {
            self.process.kill();
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
