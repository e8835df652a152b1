//! The time of one request: when it arrived, and until when it must be answered.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, RequestExt};
use tokio::time::Instant;

/// The API's functions run at most this long, whatever the context says.
const LONGEST_RUN: Duration = Duration::from_secs(900);

/// Assumed when the context's deadline has passed already: an emulator's may lie in 1970.
const USUAL_RUN: Duration = Duration::from_secs(29);

/// The time of one request.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    arrived_at: Timestamp,
    /// The same moment, on the clock that measures durations.
    started: Instant,
    time_limit: Duration,
}

impl Clock {
    /// The clock of a request that arrived at `now`, with the deadline of its invocation.
    pub(super) fn of(request: &Request, now: Timestamp) -> Self {
        let deadline_ms = request.lambda_context_ref().map_or(0, |context| context.deadline);
        let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let time_limit = match deadline_ms.checked_sub(now_ms) {
            None | Some(0) => USUAL_RUN,
            Some(left) => Duration::from_millis(left).min(LONGEST_RUN),
        };
        Self { arrived_at: now, started: Instant::now(), time_limit }
    }

    /// When the request arrived.
    pub fn arrived_at(&self) -> Timestamp {
        self.arrived_at
    }

    pub fn now(&self) -> Timestamp {
        self.after(self.started.elapsed())
    }

    /// When the invocation ends.
    pub fn deadline(&self) -> Timestamp {
        self.after(self.time_limit)
    }

    /// The moment at which `margin` is left before the deadline. Of a short time limit, `share` bounds the
    /// margin: 4 means a quarter.
    pub fn before_deadline(&self, margin: Duration, share: u32) -> Instant {
        self.started + (self.time_limit - margin.min(self.time_limit / share))
    }

    fn after(&self, duration: Duration) -> Timestamp {
        SignedDuration::try_from(duration).map_or(self.arrived_at, |duration| self.arrived_at + duration)
    }
}
