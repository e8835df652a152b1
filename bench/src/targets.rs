//! What the figures must reach, and what we reach for. Each target belongs to one row of the table, and is held against
//! its ratio, or its figure where there is none.

use serde::Serialize;

use crate::arguments::Part;

/// What a row is held against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Target {
    /// Reached, or something is wrong.
    pub must: f64,
    /// Reached by the best that we know.
    pub reach: f64,
    /// Whether more is better.
    pub at_least: bool,
}

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Both figures are reached.
    Reached,
    /// What must be reached is.
    Passed,
    /// It is not.
    Missed,
}

impl Target {
    /// What `value` means for it.
    pub fn verdict(self, value: f64) -> Verdict {
        let reaches = |target: f64| if self.at_least { value >= target } else { value <= target };
        match (reaches(self.reach), reaches(self.must)) {
            (true, _) => Verdict::Reached,
            (false, true) => Verdict::Passed,
            // Also a figure that is none.
            (false, false) => Verdict::Missed,
        }
    }
}

/// At most `must`, better `reach`.
const MOST: bool = false;
/// At least.
const LEAST: bool = true;

/// Every target, by part and name of its row.
const TARGETS: [(Part, &str, f64, f64, bool); 31] = [
    (Part::Start, "generate-image", 1.8, 1.3, MOST),
    (Part::First, "coin-balance", 3.0, 2.3, MOST),
    (Part::Share, "coin-balance, first, 128 MB", 3.0, 1.5, MOST),
    (Part::Batch, "warm", 1.01, 1.006, MOST),
    (Part::Batch, "first", 10.0, 6.0, MOST),
    (Part::Evicted, "generate-image", 3.5, 2.6, MOST),
    (Part::Evicted, "coin-balance", 3.5, 2.6, MOST),
    (Part::Instructions, "coin-balance, start and first", 15.0, 8.0, MOST),
    (Part::Instructions, "coin-balance, warm", 8.0, 6.0, MOST),
    (Part::Memory, "coin-balance", 3.0, 2.1, MOST),
    (Part::Memory, "text-to-image", 4.0, 2.6, MOST),
    (Part::Memory, "photos, on top", 3.0, 3.0, MOST),
    (Part::Size, "generate-image", 4.0, 3.0, MOST),
    (Part::Size, "coin-balance", 2.8, 1.9, MOST),
    (Part::Size, "debug-last-prompt", 2.8, 1.9, MOST),
    (Part::Calls, "coin-balance, DynamoDB", 1.0, 1.0, MOST),
    (Part::Calls, "coin-balance, S3", 0.0, 0.0, MOST),
    (Part::Calls, "coin-balance, fal", 0.0, 0.0, MOST),
    (Part::Calls, "debug-last-prompt, DynamoDB", 1.0, 1.0, MOST),
    (Part::Calls, "debug-last-prompt, S3", 0.0, 0.0, MOST),
    (Part::Calls, "debug-last-prompt, fal", 0.0, 0.0, MOST),
    (Part::Calls, "replay, DynamoDB", 1.0, 1.0, MOST),
    (Part::Calls, "replay, S3", 0.0, 0.0, MOST),
    (Part::Calls, "replay, fal", 0.0, 0.0, MOST),
    (Part::Calls, "text-to-image, DynamoDB", 3.0, 3.0, MOST),
    (Part::Calls, "text-to-image, S3", 0.0, 0.0, MOST),
    (Part::Calls, "text-to-image, fal", 2.0, 2.0, MOST),
    (Part::Calls, "scans, all functions", 0.0, 0.0, MOST),
    (Part::Peers, "FastAPI", 80.0, 105.0, LEAST),
    (Part::Peers, "FastAPI, 128 MB", 100.0, 180.0, LEAST),
    (Part::Peers, "boto3", 40.0, 55.0, LEAST),
];

/// The target of a row, if it has one.
pub fn of(part: Part, name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(of, named, ..)| (*of, *named) == (part, name));
    found.map(|(_, _, must, reach, at_least)| Target { must: *must, reach: *reach, at_least: *at_least })
}

/// The parts and names of all rows that have a target.
pub fn rows() -> impl Iterator<Item = (Part, &'static str)> {
    TARGETS.iter().map(|(part, name, ..)| (*part, *name))
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
