//! One instance of a function: its binary as a process, with a Runtime API of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lambda_runtime::Context;
use runtime_api::{RuntimeApi, error};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use super::handler::FunctionError;

/// The binary of a function and what it is started with.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    pub function: String,
    pub file: PathBuf,
    /// For the environment only: the memory is not limited here.
    pub memory_mb: u32,
    /// The longest time of one invocation.
    pub timeout: Duration,
    /// Settings, region, credentials and endpoints.
    pub environment: BTreeMap<String, String>,
}

impl Bootstrap {
    /// Spawns `command` with the environment of Lambda, one more `variable` and none of this machine's. Its output
    /// is copied to the log. Dropping the process kills it.
    pub(super) fn spawn(&self, command: &mut Command, variable: (&str, String)) -> std::io::Result<Child> {
        let mut child = command
            .env_clear()
            .envs([variable])
            .envs(runtime_api::environment(&self.function, self.memory_mb))
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(stdout) = child.stdout.take() {
            pass_on(stdout, self.function.clone(), |function, line| info!(function, "{line}"));
        }
        if let Some(stderr) = child.stderr.take() {
            pass_on(stderr, self.function.clone(), |function, line| warn!(function, "{line}"));
        }
        Ok(child)
    }
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) function: String,
    runtime_api: RuntimeApi,
    busy: AtomicBool,
    kill: Arc<Notify>,
    /// The reason of its end, once it has ended.
    end: watch::Receiver<Option<String>>,
}

impl Process {
    /// Starts a process, which is busy: it is started for an invocation.
    pub(super) async fn start(bootstrap: &Bootstrap) -> Result<Self, FunctionError> {
        let not_started = |cause: std::io::Error| {
            let message = format!("cannot start {}: {cause}", bootstrap.file.display());
            error("Runtime.InvalidEntrypoint", message)
        };
        let runtime_api = RuntimeApi::start().await.map_err(not_started)?;
        let mut command = Command::new(&bootstrap.file);
        // Ctrl-C must reach the stack only, which lets its functions finish.
        #[cfg(unix)]
        command.process_group(0);
        let address = ("AWS_LAMBDA_RUNTIME_API", runtime_api.address().to_string());
        let child = bootstrap.spawn(&mut command, address).map_err(not_started)?;
        let function = bootstrap.function.clone();
        debug!(function, id = child.id(), "process started");
        let (kill, (ended, end)) = (Arc::new(Notify::new()), watch::channel(None));
        tokio::spawn(watch_over(child, Arc::clone(&kill), ended));
        Ok(Self { function, runtime_api, busy: AtomicBool::new(true), kill, end })
    }

    /// Runs one event, until the process responds or ends.
    pub(super) async fn run(&self, event: Value, context: Context) -> Result<Value, FunctionError> {
        let request_id = context.request_id.clone();
        tokio::select! {
            biased;
            outcome = self.runtime_api.invoke(event.to_string().into(), context) => parsed(&outcome?.body),
            reason = self.ended() => {
                Err(error("Runtime.ExitError", format!("RequestId: {request_id} Error: {reason}")))
            }
        }
    }

    /// Reserves it for an invocation, if it is free.
    pub(super) fn reserve(&self) -> bool {
        !self.busy.swap(true, Ordering::AcqRel)
    }

    pub(super) fn release(&self) {
        self.busy.store(false, Ordering::Release);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.end.borrow().is_none()
    }

    /// Sends SIGKILL, soon.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Waits for its end and says the reason.
    pub(super) async fn ended(&self) -> String {
        let mut end = self.end.clone();
        let end = end.wait_for(Option::is_some).await;
        end.ok().and_then(|end| end.clone()).unwrap_or_else(|| "Runtime exited".to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until the process ends by itself or must be killed.
async fn watch_over(mut child: Child, kill: Arc<Notify>, ended: watch::Sender<Option<String>>) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => match child.kill().await {
            Ok(()) => child.wait().await,
            Err(error) => Err(error),
        },
    };
    ended.send_replace(Some(match status {
        Ok(status) => in_words(status),
        Err(error) => format!("Runtime is lost: {error}"),
    }));
}

/// Lambda's words for the end of a process.
fn in_words(status: ExitStatus) -> String {
    #[cfg(unix)]
    if std::os::unix::process::ExitStatusExt::signal(&status) == Some(9) {
        return "Runtime exited with error: signal: killed".to_owned();
    }
    match status.code() {
        Some(0) => "Runtime exited without providing a reason".to_owned(),
        Some(code) => format!("Runtime exited with error: exit status {code}"),
        None => format!("Runtime exited with error: {status}"),
    }
}

fn parsed(response: &[u8]) -> Result<Value, FunctionError> {
    let not_json = |cause| error("Runtime.MarshalError", format!("the response is not JSON: {cause}"));
    serde_json::from_slice(response).map_err(not_json)
}

/// Copies the output of a process to the log.
fn pass_on(
    output: impl AsyncRead + Send + Unpin + 'static,
    function: String,
    log: impl Fn(&str, &str) + Send + 'static,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log(&function, &line);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_is_not_json_is_a_function_error() {
        assert_eq!(parsed(b"{\"a\":1}").unwrap()["a"], 1);
        assert_eq!(parsed(b"<html>").unwrap_err().error_type, "Runtime.MarshalError");
    }
}
