//! The instances of all functions that run as processes. An invocation takes a free one or starts another.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use lambda_runtime::Context;
use serde_json::Value;

use super::handler::{FunctionError, Handler};
use super::locked;
use super::process::{Bootstrap, Process};

/// All processes. A clone is the same pool; when the last one goes, so do the processes.
#[derive(Debug, Clone, Default)]
pub struct Processes(Arc<Mutex<Vec<Arc<Process>>>>);

impl Processes {
    /// A [`Handler`] whose invocations run in processes of `bootstrap`, each in one that does nothing else
    /// meanwhile. A handler that is dropped half-way kills its process, as Lambda does when the time is up.
    #[must_use]
    pub fn handler(&self, bootstrap: Bootstrap) -> Handler {
        let (processes, bootstrap) = (self.clone(), Arc::new(bootstrap));
        Arc::new(move |event, context| {
            let (processes, bootstrap) = (processes.clone(), Arc::clone(&bootstrap));
            async move { processes.invoke(&bootstrap, event, context).await }.boxed()
        })
    }

    /// How many are alive.
    #[must_use]
    pub fn count(&self) -> usize {
        self.living().len()
    }

    /// Kills one of those alive with SIGKILL, in the midst of whatever it does: the one that `number` falls on.
    /// Answers its function.
    pub fn kill_one(&self, number: usize) -> Option<String> {
        let living = self.living();
        let process = living.get(number.checked_rem(living.len())?)?;
        process.kill();
        Some(process.function.clone())
    }

    /// Kills all of them and waits until they are gone.
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
        let mut taken = Taken { process: self.take(bootstrap).await?, is_done: false };
        let outcome = taken.process.run(event, context).await;
        taken.is_done = true;
        outcome
    }

    async fn take(&self, bootstrap: &Bootstrap) -> Result<Arc<Process>, FunctionError> {
        let mut living = self.living().into_iter();
        if let Some(free) = living.find(|process| process.function == bootstrap.function && process.take()) {
            return Ok(free);
        }
        let process = Arc::new(Process::start(bootstrap).await?);
        locked(&self.0).push(Arc::clone(&process));
        Ok(process)
    }

    fn living(&self) -> Vec<Arc<Process>> {
        let mut all = locked(&self.0);
        all.retain(|process| process.is_alive());
        all.clone()
    }
}

/// A process in use.
struct Taken {
    process: Arc<Process>,
    is_done: bool,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.is_done {
            self.process.give_back();
        } else {
            self.process.kill();
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
