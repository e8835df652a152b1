//! AWS's Lambda Runtime Interface Emulator, the program that AWS's own base images test functions with: a second
//! opinion about what a binary does on Lambda.
//!
//! <https://github.com/aws/aws-lambda-runtime-interface-emulator>

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::Function;
use super::handler::FunctionError;
use super::process::{Bootstrap, pass_on_output};
use super::runtime_api::error;

/// The emulator keeps the function's time itself. This is how much later we would end it.
const GRACE: Duration = Duration::from_secs(10);

/// How often an emulator that does not listen yet is asked again.
const PAUSE: Duration = Duration::from_millis(10);

/// Where emulators listen.
const PORTS: Range<u16> = 12_000..32_000;

/// The function of `bootstrap` under the emulator that is the program `emulator`. Its invocations take turns: the
/// emulator crashes over two at once.
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
    /// Started at the first invocation; locked for as long as one takes.
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
        // Taken out, so that an emulator whose caller went away in the midst is not asked again.
        let running = match slot.take() {
            Some(running) => Ok(running),
            None => self.start(),
        };
        let asked = async {
            let mut running = running?;
            let answer = self.ask(&mut running, event).await?;
            anyhow::Ok((running, answer))
        };
        let (running, answer) =
            asked.await.map_err(|cause| error("Runtime.EmulatorError", format!("{cause:#}")))?;
        *slot = Some(running);
        read(&answer)
    }

    fn start(&self) -> anyhow::Result<Running> {
        let [address, runtime_api] = free_addresses().context("no free port")?;
        let mut process = Command::new(&self.program)
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .arg(&self.bootstrap.file)
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", self.bootstrap.timeout.as_secs().max(1).to_string())
            .envs(self.bootstrap.lambda_environment())
            .envs(&self.bootstrap.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        pass_on_output(&mut process, &self.bootstrap.function);
        Ok(Running { process, address })
    }

    async fn ask(&self, Running { process, address }: &mut Running, event: &Value) -> anyhow::Result<String> {
        let url = format!("http://{address}/2015-03-31/functions/function/invocations");
        loop {
            match self.http.post(&url).json(event).send().await {
                Ok(answer) => return Ok(answer.text().await?),
                Err(error) if error.is_connect() && process.try_wait()?.is_none() => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error).context("the emulator does not answer"),
            }
        }
    }
}

/// What the emulator answers is the function's answer or its error, or a line of text when its time was up.
fn read(answer: &str) -> Result<Value, FunctionError> {
    let Ok(json) = serde_json::from_str::<Value>(answer) else {
        return Err(error("Sandbox.Timedout", answer));
    };
    match FunctionError::deserialize(&json) {
        Ok(error) => Err(error),
        Err(_) => Ok(json),
    }
}

/// Two addresses for an emulator to listen at, which no other of this process was or will be given. They lie below the
/// ports that Linux gives to whoever asks for any, which could be given away between here and the emulator's start.
fn free_addresses() -> std::io::Result<[SocketAddr; 2]> {
    Ok([free_address()?, free_address()?])
}

fn free_address() -> std::io::Result<SocketAddr> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let mut taken = std::io::Error::from(ErrorKind::AddrInUse);
    for _ in PORTS {
        let number = std::process::id().wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (number % u32::from(PORTS.end - PORTS.start)) as u16;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => taken = error,
        }
    }
    Err(taken)
}
