//! AWS's Lambda Runtime API for one process, with a stopwatch: when it first asked for an event, and how long it
//! took from each event to its answer.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::server::{Answer, Server, answer};

/// What a function is told that it has, as behind an HTTP API.
const TIME_TO_ANSWER: Duration = Duration::from_secs(29);

/// After this a process is not slow but stuck. It may run under valgrind, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a process did, and when.
enum Step {
    /// It asked for an event.
    Asked(Instant),
    /// It was given one.
    HandedOut(Instant),
    /// It brought the answer.
    Answered(Instant, Bytes),
    /// It reported an error instead.
    Failed(Bytes),
}

/// The server of one process. Dropping it stops it.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Server,
    events: UnboundedSender<Bytes>,
    steps: mpsc::Receiver<Step>,
}

/// What the requests work on.
struct Desk {
    events: Mutex<UnboundedReceiver<Bytes>>,
    steps: mpsc::Sender<Step>,
}

impl RuntimeApi {
    /// Listens on a port of its own.
    pub fn start(threads: &Handle) -> anyhow::Result<Self> {
        let (events, to_do) = unbounded_channel();
        let (told, steps) = mpsc::channel();
        let desk = Arc::new(Desk { events: Mutex::new(to_do), steps: told });
        let server = Server::start(threads, None, move |head, body| Arc::clone(&desk).serve(head, body))?;
        Ok(Self { server, events, steps })
    }

    /// Where it listens, which is what `AWS_LAMBDA_RUNTIME_API` is set to.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Waits until the process asks for an event.
    pub fn asked(&self) -> anyhow::Result<Instant> {
        match self.step()? {
            Step::Asked(at) => Ok(at),
            Step::Failed(report) => bail!("it did not start: {}", String::from_utf8_lossy(&report)),
            _ => bail!("it answered what it was not asked"),
        }
    }

    /// Has the process, which waits for it, run one event. Afterwards it waits for the next.
    pub fn invoke(&self, event: Bytes) -> anyhow::Result<(Duration, Bytes)> {
        self.events.send(event)?;
        let Step::HandedOut(handed_out) = self.step()? else { bail!("it did not wait for an event") };
        let (answered, answer) = match self.step()? {
            Step::Answered(at, answer) => (at, answer),
            Step::Failed(report) => bail!("it failed: {}", String::from_utf8_lossy(&report)),
            _ => bail!("it asked for the next event without answering this one"),
        };
        self.asked()?;
        Ok((answered - handed_out, answer))
    }

    fn step(&self) -> anyhow::Result<Step> {
        Ok(self.steps.recv_timeout(PATIENCE)?)
    }
}

impl Desk {
    async fn serve(self: Arc<Self>, head: Parts, body: Bytes) -> Answer {
        let now = Instant::now();
        if head.method == Method::GET {
            return self.next(now).await;
        }
        let is_answer = head.uri.path().ends_with("/response");
        self.note(if is_answer { Step::Answered(now, body) } else { Step::Failed(body) });
        answer(202, "application/json", r#"{"status":"OK"}"#)
    }

    async fn next(&self, now: Instant) -> Answer {
        self.note(Step::Asked(now));
        let Some(event) = self.events.lock().await.recv().await else {
            return answer(410, "text/plain", "there will be no more events");
        };
        let deadline = SystemTime::now() + TIME_TO_ANSWER;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut answer = answer(200, "application/json", event);
        let headers = [
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned(),
            ),
            (
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned(),
            ),
        ];
        for (name, value) in headers {
            answer.headers_mut().insert(name, value.parse().expect("visible characters"));
        }
        self.note(Step::HandedOut(Instant::now()));
        answer
    }

    fn note(&self, step: Step) {
        // Nobody listens any more to a process that is being killed.
        self.steps.send(step).ok();
    }
}
