//! AWS's Lambda Runtime Interface Emulator, which is part of AWS's own base images: a second opinion on how a
//! binary behaves on Lambda.
//!
//! <https://github.com/aws/aws-lambda-runtime-interface-emulator>

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use runtime_api::error;
use serde::Deserialize;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::Function;
use super::handler::FunctionError;
use super::process::Bootstrap;

/// The emulator ends a function itself when its time is up. We wait this much longer.
const GRACE: Duration = Duration::from_secs(10);

/// The pause between two calls of an emulator that does not listen yet.
const PAUSE: Duration = Duration::from_millis(10);

/// The ports of emulators.
const PORTS: Range<u16> = 12_000..32_000;

/// The function of `bootstrap` under the program `emulator`. Its invocations take turns: two at once crash
/// the emulator.
pub fn emulated(emulator: &Path, bootstrap: Bootstrap) -> Function {
    let (name, timeout) = (bootstrap.function.clone(), bootstrap.timeout + GRACE);
    let emulator = Arc::new(Emulator {
        program: emulator.to_owned(),
        bootstrap,
        http: crate::http_client(),
        running: Mutex::default(),
    });
    let handler = Arc::new(move |event, _| {
        let emulator = Arc::clone(&emulator);
        async move { emulator.invoke(&event).await }.boxed()
    });
    Function { name, timeout, handler }
}

struct Emulator {
    program: PathBuf,
    bootstrap: Bootstrap,
    http: reqwest::Client,
    /// Started by the first invocation, and locked during each.
    running: Mutex<Option<Running>>,
}

/// A running emulator. Dropping it kills it.
struct Running {
    process: Child,
    address: SocketAddr,
}

impl Emulator {
    async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        let mut slot = self.running.lock().await;
        // If the caller goes away, this emulator is dropped and not used again.
        let running = slot.take();
        let called = async {
            let mut running = running.map_or_else(|| self.start(), Ok)?;
            let response = self.call(&mut running, event).await?;
            anyhow::Ok((running, response))
        };
        let (running, response) =
            called.await.map_err(|cause| error("Runtime.EmulatorError", format!("{cause:#}")))?;
        *slot = Some(running);
        parsed(&response)
    }

    fn start(&self) -> anyhow::Result<Running> {
        let address = free_address().context("no free port")?;
        let runtime_api = free_address().context("no free port")?;
        let mut command = Command::new(&self.program);
        command
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .arg(&self.bootstrap.file);
        let seconds = self.bootstrap.timeout.as_secs().max(1).to_string();
        let process = self.bootstrap.spawn(&mut command, ("AWS_LAMBDA_FUNCTION_TIMEOUT", seconds));
        let process = process.with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(Running { process, address })
    }

    async fn call(
        &self,
        Running { process, address }: &mut Running,
        event: &Value,
    ) -> anyhow::Result<String> {
        let url = format!("http://{address}/2015-03-31/functions/function/invocations");
        loop {
            match self.http.post(&url).json(event).send().await {
                Ok(response) => {
                    let (status, text) = (response.status(), response.text().await?);
                    return Ok(if text.is_empty() {
                        format!("an empty response with {status}")
                    } else {
                        text
                    });
                }
                Err(error) if error.is_connect() && process.try_wait()?.is_none() => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error).context("the emulator does not respond"),
            }
        }
    }
}

/// The emulator responds with the function's response or error, or with a line of text when its time was up.
fn parsed(response: &str) -> Result<Value, FunctionError> {
    let Ok(json) = serde_json::from_str::<Value>(response) else {
        let is_timeout = response.contains("timed out");
        return Err(error(if is_timeout { "Sandbox.Timedout" } else { "Runtime.EmulatorError" }, response));
    };
    match FunctionError::deserialize(&json) {
        Ok(error) => Err(error),
        Err(_) => Ok(json),
    }
}

/// An address that this process has not used before. It lies below the ports that Linux assigns itself: one
/// of those could be assigned to another program before the emulator listens.
fn free_address() -> std::io::Result<SocketAddr> {
    static USED: AtomicU32 = AtomicU32::new(0);
    let mut failure = std::io::Error::from(ErrorKind::AddrInUse);
    for _ in PORTS {
        let number = std::process::id().wrapping_add(USED.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (number % u32::from(PORTS.end - PORTS.start)) as u16;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
