//! The targets of the figures: what must be reached, and what we reach for. Each target belongs to one row of
//! the table, and to its ratio, or to its figure if there is no ratio.

use crate::arguments::Part;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// If missed, something is wrong.
    pub must: f64,
    /// The best that we know.
    pub reach: f64,
    /// Whether more is better.
    pub at_least: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The value reaches `reach`.
    Reached,
    /// The value reaches `must`.
    Passed,
    Missed,
}

impl Target {
    pub fn verdict(self, value: f64) -> Verdict {
        let reaches = |target: f64| if self.at_least { value >= target } else { value <= target };
        match (reaches(self.reach), reaches(self.must)) {
            (true, _) => Verdict::Reached,
            (false, true) => Verdict::Passed,
            // NaN, too.
            (false, false) => Verdict::Missed,
        }
    }
}

/// The part and the name of each row with a target, `must` and `reach`.
pub const TARGETS: [(Part, &str, f64, f64); 21] = [
    (Part::Start, "generate-image", 1.8, 1.3),
    (Part::First, "coin-balance", 3.0, 2.3),
    (Part::Warm, "submit and two webhooks", 60.0, 6.0),
    (Part::Share, "coin-balance, first", 3.0, 1.5),
    (Part::Batch, "warm", 1.01, 1.006),
    (Part::Batch, "first", 10.0, 6.0),
    (Part::Evicted, "generate-image", 3.5, 2.6),
    (Part::Evicted, "coin-balance", 3.5, 2.6),
    (Part::Instructions, "coin-balance, start and first", 15.0, 8.0),
    (Part::Instructions, "coin-balance, warm", 8.0, 6.0),
    (Part::Memory, "coin-balance", 3.0, 2.1),
    (Part::Memory, "text-to-image", 4.0, 2.6),
    (Part::Memory, "photos, on top", 3.0, 3.0),
    (Part::Usd, "asynchronous batch", 20.0, 15.0),
    (Part::Usd, "idle heal-batches, one month", 0.1, 0.05),
    (Part::Size, "generate-image", 4.0, 3.0),
    (Part::Size, "coin-balance", 2.8, 1.9),
    (Part::Size, "debug-last-prompt", 2.8, 1.9),
    (Part::Peers, "FastAPI", 80.0, 105.0),
    (Part::Peers, "FastAPI, 128 MB", 100.0, 180.0),
    (Part::Peers, "boto3", 40.0, 55.0),
];

pub fn of(part: Part, name: &str) -> Option<Target> {
    let (.., must, reach) = *TARGETS.iter().find(|(of, named, ..)| (*of, *named) == (part, name))?;
    // The peers are to be slower.
    Some(Target { must, reach, at_least: part == Part::Peers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_reaches_passes_or_misses() {
        let target = Target { must: 3.0, reach: 2.3, at_least: false };
        assert_eq!(target.verdict(2.3), Verdict::Reached);
        assert_eq!(target.verdict(3.0), Verdict::Passed);
        assert_eq!(target.verdict(3.1), Verdict::Missed);
        assert_eq!(target.verdict(f64::NAN), Verdict::Missed);
        let target = Target { at_least: true, must: 40.0, reach: 55.0 };
        assert_eq!(target.verdict(56.0), Verdict::Reached);
        assert_eq!(target.verdict(39.0), Verdict::Missed);
    }
}
