//! `GET …/status/stream`: server-sent events, one for every change of a job until it is completed.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::watch;
use uuid::Uuid;

use super::jobs::{Stage, State};
use crate::FalDouble;

/// The response whose body lasts until the job is completed.
pub fn of_statuses(fal: FalDouble, id: Uuid, logs: bool) -> Response {
    let follower = Follower { changes: fal.0.jobs.changes(), fal, id, logs, last: Some(Bytes::new()) };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

struct Follower {
    fal: FalDouble,
    id: Uuid,
    logs: bool,
    changes: watch::Receiver<State>,
    /// The status that was sent last; `None` after the one that completed the job.
    last: Option<Bytes>,
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let last = self.last.as_ref()?;
            let view = self.fal.0.jobs.view(self.id)?;
            let status = self.fal.status(self.id, &view, self.logs).body;
            if status != *last {
                let event = [b"data: ", &status[..], b"\n\n"].concat();
                self.last = (!matches!(view.stage, Stage::Completed { .. })).then_some(status);
                return Some(event.into());
            }
            self.changes.changed().await.ok()?;
        }
    }
}
