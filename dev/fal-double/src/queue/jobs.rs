//! The jobs of the queue, in order: each waits, runs, or is completed.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::WebhookBehaviour;
use crate::failures;
use crate::faults::Fault;
use crate::models::Endpoint;
use crate::responses::FalResponse;

/// How long a result can be asked for that fal does not store: a small one, and one from [`LARGE_BYTES`] on.
const UNSTORED_FOR: Duration = Duration::from_secs(60 * 60);
const LARGE_UNSTORED_FOR: Duration = Duration::from_secs(6 * 60);
const LARGE_BYTES: usize = 10_000;

/// What is needed to run a job.
pub struct Work {
    pub id: Uuid,
    pub endpoint: Endpoint,
    pub body: Bytes,
    pub fault: Option<Fault>,
    /// Where its end is announced, and how: as was set when the job was submitted.
    pub webhook: Option<(String, WebhookBehaviour)>,
    /// Whether fal stores its body and its result.
    pub stores_io: bool,
}

/// The settings of the queue, which the control route `/_control/queue` replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSettings {
    /// How many jobs run at once; `None` means as many as there are.
    pub concurrency: Option<usize>,
    /// How long a completed job can be asked for; `None` means as long as fal keeps it.
    pub result_ttl_milliseconds: Option<u64>,
}

impl QueueSettings {
    /// How long a result of so many bytes can be asked for; `None` means as long as the double lives.
    fn result_ttl(self, stores_io: bool, bytes: usize) -> Option<Duration> {
        let unstored = if bytes < LARGE_BYTES { UNSTORED_FOR } else { LARGE_UNSTORED_FOR };
        let set = self.result_ttl_milliseconds.map(Duration::from_millis);
        set.or((!stores_io).then_some(unstored))
    }
}

/// All jobs. Whoever follows one is woken by every change.
#[derive(Default)]
pub struct Jobs(watch::Sender<State>);

#[derive(Default)]
pub struct State {
    /// In the order of their submission.
    jobs: IndexMap<Uuid, Job>,
    settings: QueueSettings,
    cancellations: Vec<Uuid>,
}

struct Job {
    endpoint: Endpoint,
    stores_io: bool,
    logs: Vec<Log>,
    progress: Progress,
}

enum Progress {
    Waiting(Work),
    Running(Instant),
    Completed { response: FalResponse, took: Duration, at: Instant },
}

/// A line of a job's log, as the status shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Log {
    timestamp: Timestamp,
    level: &'static str,
    source: &'static str,
    message: String,
}

/// A job as it is seen now.
pub struct View {
    pub endpoint: Endpoint,
    pub logs: Vec<Log>,
    pub stage: Stage,
}

pub enum Stage {
    /// So many jobs wait before this one.
    Waiting {
        position: usize,
    },
    Running,
    Completed {
        response: FalResponse,
        took: Duration,
    },
}

pub enum Cancellation {
    /// A waiting job never runs. A running one is only asked to stop, and these models finish it.
    Requested,
    TooLate,
}

impl Jobs {
    /// Adds a job, and returns how many wait before it.
    pub fn add(&self, work: Work) -> usize {
        let (id, endpoint, stores_io) = (work.id, work.endpoint, work.stores_io);
        let mut position = 0;
        self.0.send_modify(|state| {
            position = state.waiting().count();
            let job = Job { endpoint, stores_io, logs: Vec::new(), progress: Progress::Waiting(work) };
            state.jobs.insert(id, job);
        });
        position
    }

    /// The work of the first waiting job, if one more may run.
    pub fn next(&self) -> Option<Work> {
        let mut next = None;
        self.0.send_if_modified(|state| {
            let running =
                state.jobs.values().filter(|job| matches!(job.progress, Progress::Running(_))).count();
            let first = state.waiting().next();
            if let Some(id) = first
                && state.settings.concurrency.is_none_or(|most| running < most)
            {
                next = state.jobs.get_mut(&id).and_then(|job| job.start("The job runs."));
            }
            next.is_some()
        });
        next
    }

    /// Records the model's response.
    pub fn complete(&self, id: Uuid, response: FalResponse) {
        self.0.send_modify(|state| {
            if let Some(job) = state.jobs.get_mut(&id) {
                job.complete(response);
            }
        });
    }

    /// Completes a job that still waits, without having run it.
    pub fn withdraw(&self, id: Uuid, response: FalResponse) -> Option<Work> {
        let mut withdrawn = None;
        self.0.send_if_modified(|state| {
            let job = state.jobs.get_mut(&id).filter(|job| matches!(job.progress, Progress::Waiting(_)));
            if let Some(job) = job {
                withdrawn = job.start("The job was withdrawn before it ran.");
                job.complete(response);
            }
            withdrawn.is_some()
        });
        withdrawn
    }

    /// Cancels a job. One that waits is completed with fal's 499, and no webhook announces that.
    pub fn cancel(&self, id: Uuid) -> Cancellation {
        self.0.send_modify(|state| state.cancellations.push(id));
        if self.withdraw(id, failures::cancelled()).is_some() {
            return Cancellation::Requested;
        }
        match self.view(id).map(|view| view.stage) {
            Some(Stage::Completed { .. }) => Cancellation::TooLate,
            _ => Cancellation::Requested,
        }
    }

    /// The job as it is now; `None` for an unknown id, and for a result that is too old.
    pub fn view(&self, id: Uuid) -> Option<View> {
        let state = self.0.borrow();
        let job = state.jobs.get(&id)?;
        let stage = match &job.progress {
            Progress::Waiting(_) => {
                Stage::Waiting { position: state.waiting().take_while(|waiting| *waiting != id).count() }
            }
            Progress::Running(_) => Stage::Running,
            Progress::Completed { response, took, at } => {
                let ttl = state.settings.result_ttl(job.stores_io, response.body.len());
                if ttl.is_some_and(|ttl| at.elapsed() >= ttl) {
                    return None;
                }
                Stage::Completed { response: response.clone(), took: *took }
            }
        };
        Some(View { endpoint: job.endpoint, logs: job.logs.clone(), stage })
    }

    /// Wakes after every change.
    pub fn changes(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }

    /// The jobs that somebody asked to cancel, in order.
    pub fn cancellations(&self) -> Vec<Uuid> {
        self.0.borrow().cancellations.clone()
    }

    pub fn settings(&self) -> QueueSettings {
        self.0.borrow().settings
    }

    pub fn change_settings(&self, change: impl FnOnce(&mut QueueSettings)) {
        self.0.send_modify(|state| change(&mut state.settings));
    }
}

impl State {
    fn waiting(&self) -> impl Iterator<Item = Uuid> {
        let waiting = self.jobs.iter().filter(|(_, job)| matches!(job.progress, Progress::Waiting(_)));
        waiting.map(|(id, _)| *id)
    }
}

impl Job {
    fn start(&mut self, message: &str) -> Option<Work> {
        self.log(message.to_owned());
        match std::mem::replace(&mut self.progress, Progress::Running(Instant::now())) {
            Progress::Waiting(work) => Some(work),
            _ => None,
        }
    }

    fn complete(&mut self, response: FalResponse) {
        self.log(format!("The model responded with {}.", response.status.as_u16()));
        let took = match &self.progress {
            Progress::Running(since) => since.elapsed(),
            _ => Duration::ZERO,
        };
        self.progress = Progress::Completed { response, took, at: Instant::now() };
    }

    fn log(&mut self, message: String) {
        self.logs.push(Log { timestamp: Timestamp::now(), level: "INFO", source: "USER", message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_fal_does_not_store_is_gone_after_an_hour_or_if_it_is_large_after_six_minutes() {
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        let usual = QueueSettings::default();
        assert_eq!(usual.result_ttl(true, 1_000_000), None);
        assert_eq!([9_999, 10_000].map(|bytes| usual.result_ttl(false, bytes)), [minutes(60), minutes(6)]);
        let set = QueueSettings { result_ttl_milliseconds: Some(60_000), ..usual };
        assert_eq!([true, false].map(|stores_io| set.result_ttl(stores_io, 1)), [minutes(1); 2]);
    }
}
