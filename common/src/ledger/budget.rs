//! The failures that fal may bill although the user pays nothing: each user has so many a day.
//!
//! A profile has a stamp for each of them, in the set `failures`. A stamp counts for a day. Every running batch
//! may become one, so a hold needs room for its own failure beside those of the batches that run.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Hold;
use crate::settings::Settings;

/// About how long a batch takes.
const A_BATCH: Duration = Duration::from_secs(5);

/// How long a failure counts.
const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many failures that fal may bill a user may cause within 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureBudget(usize);

impl Default for FailureBudget {
    fn default() -> Self {
        Self(20)
    }
}

impl FailureBudget {
    /// So many failures.
    pub fn of(failures: usize) -> Self {
        Self(failures)
    }

    /// Reads `FAILURES_PER_DAY`, 20 by default. It is at least 4, because four batches of a user may run at the same
    /// time.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        settings.parsed("FAILURES_PER_DAY", Self::default(), |text| {
            let failures = text.parse().ok().filter(|failures| (4..=1_000).contains(failures));
            failures.map(Self).ok_or("must be a whole number from 4 to 1000")
        })
    }

    /// Below how many counted failures a hold may begin beside `running` others.
    pub(super) fn beside(self, running: usize) -> usize {
        self.0.saturating_sub(running)
    }

    /// Whether these failures, with those that `running` batches may become, leave no room for another batch.
    pub(super) fn is_used_up(self, failures: &[String], running: usize) -> bool {
        failures.len() >= self.beside(running)
    }

    /// After which time another batch may begin, as far as `failures` forbid it: when enough of them have lapsed; or
    /// soon, when a batch that runs may end well.
    pub(super) fn refills_in(self, failures: &[String], now: Timestamp) -> Duration {
        let mut ends: Vec<Timestamp> = failures.iter().filter_map(|stamp| end_of(stamp)).collect();
        ends.sort();
        let must_lapse = (failures.len() + 1).saturating_sub(self.0);
        let end = must_lapse.checked_sub(1).and_then(|last| ends.get(last));
        end.map_or(A_BATCH, |end| end.duration_since(now).unsigned_abs())
    }
}

/// The stamp of an attempt's failure: `<time, 13 digits of milliseconds>#<attempt>`.
pub(super) fn stamp(hold: &Hold, now: Timestamp) -> String {
    format!("{:013}#{}", now.as_millisecond(), hold.attempt_id)
}

/// The stamps that do not count any more. One in another form never counts.
pub(super) fn lapsed(failures: &[String], now: Timestamp) -> Vec<String> {
    failures.iter().filter(|stamp| end_of(stamp).is_none_or(|end| end <= now)).cloned().collect()
}

fn end_of(stamp: &str) -> Option<Timestamp> {
    let (failed_at, _) = stamp.split_once('#')?;
    let failed_at = Timestamp::from_millisecond(failed_at.parse().ok()?).ok()?;
    failed_at.checked_add(COUNTS_FOR).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn failed_at(hours: &[i64]) -> Vec<String> {
        hours.iter().map(|hours| format!("{:013}#a{hours}", at(*hours).as_millisecond())).collect()
    }

    #[test]
    fn a_failure_counts_for_a_day() {
        let failures = failed_at(&[1, 2, 30]);
        assert_eq!(lapsed(&failures, at(25) - SignedDuration::from_millis(1)), failed_at(&[]));
        assert_eq!(lapsed(&failures, at(25)), failed_at(&[1]));
        assert_eq!(lapsed(&failures, at(54)), failures);
        assert_eq!(lapsed(&["by hand".to_owned()], at(0)), ["by hand"]);
    }

    #[test]
    fn the_budget_refills_when_enough_failures_have_lapsed() {
        let (budget, failures) = (FailureBudget(4), failed_at(&[3, 1, 2, 4]));
        let used_up = [0, 1, 2].map(|running| budget.is_used_up(&failures[..2], running));
        assert_eq!(used_up, [false, false, true]);
        let hours = |count: usize| budget.refills_in(&failures[..count], at(5)).as_secs_f64() / 3600.0;
        assert_eq!(hours(4), 20.0);
        assert_eq!(budget.refills_in(&failures[..2], at(5)), A_BATCH);
    }
}
