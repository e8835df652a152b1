//! One instance of a function: its binary as a process, with a Runtime API of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lambda_runtime::Context;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use super::handler::FunctionError;
use super::runtime_api::{RuntimeApi, error};

/// What a function is run from.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The function's name.
    pub function: String,
    /// Its binary.
    pub file: PathBuf,
    /// The memory that it is told to have. Nothing holds it to that here.
    pub memory_mb: u32,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Its settings, region, credentials and endpoints.
    pub environment: BTreeMap<String, String>,
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    /// The function that it is an instance of.
    pub(super) function: String,
    runtime_api: RuntimeApi,
    busy: AtomicBool,
    kill: Arc<Notify>,
    /// How it ended, once it has.
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
        // Ctrl-C is for the stack, which lets its functions finish. They would get it, too.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            // Nothing of this machine's, so that a function finds here what it finds on Lambda.
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address().to_string())
            .envs(bootstrap.lambda_environment())
            .envs(&bootstrap.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(not_started)?;
        let function = bootstrap.function.clone();
        debug!(function, id = child.id(), "process started");
        pass_on_output(&mut child, &function);
        let (kill, (ended, end)) = (Arc::new(Notify::new()), watch::channel(None));
        tokio::spawn(keep(child, Arc::clone(&kill), ended));
        Ok(Self { function, runtime_api, busy: AtomicBool::new(true), kill, end })
    }

    /// Has it run one event, until it answers or ends.
    pub(super) async fn run(&self, event: Value, context: Context) -> Result<Value, FunctionError> {
        let request_id = context.request_id.clone();
        tokio::select! {
            biased;
            outcome = self.runtime_api.invoke(event, context) => outcome,
            how = self.ended() => Err(error("Runtime.ExitError", format!("RequestId: {request_id} Error: {how}"))),
        }
    }

    /// Takes it for an invocation, if it is free.
    pub(super) fn take(&self) -> bool {
        !self.busy.swap(true, Ordering::AcqRel)
    }

    /// Free for the next invocation.
    pub(super) fn give_back(&self) {
        self.busy.store(false, Ordering::Release);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.end.borrow().is_none()
    }

    /// Kills it with SIGKILL, soon.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Waits for its end, and says how it came.
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

/// Waits until the process ends by itself or is to be killed.
async fn keep(mut child: Child, kill: Arc<Notify>, ended: watch::Sender<Option<String>>) {
    let status = tokio::select! {
        status = child.wait() => status,
        // This kills and waits.
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

/// As Lambda says it.
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

impl Bootstrap {
    /// What Lambda itself sets, but for the address of its Runtime API.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
    pub(super) fn lambda_environment(&self) -> [(&'static str, String); 10] {
        let Self { function, memory_mb, .. } = self;
        [
            ("AWS_LAMBDA_FUNCTION_NAME", function.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ]
    }
}

/// Hands what the process says on to the log of this one.
pub(super) fn pass_on_output(child: &mut Child, function: &str) {
    if let Some(stdout) = child.stdout.take() {
        pass_on(stdout, function.to_owned(), |function, line| info!(function, "{line}"));
    }
    if let Some(stderr) = child.stderr.take() {
        pass_on(stderr, function.to_owned(), |function, line| warn!(function, "{line}"));
    }
}

/// Hands every line on, until the process closes its end.
fn pass_on(
    output: impl AsyncRead + Send + Unpin + 'static,
    function: String,
    say: impl Fn(&str, &str) + Send + 'static,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            say(&function, &line);
        }
    });
}
