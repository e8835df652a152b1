//! The search: breadth first through every state that can be reached, so that a counterexample is a shortest one.

use std::fmt;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::invariants::Invariant;
use crate::sights::Sights;
use crate::state::State;
use crate::steps::{Model, Step};

/// What was explored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Steps from one to another, or back to the same.
    pub transitions: usize,
    /// Steps to the state that is farthest.
    pub depth: usize,
    /// What happened somewhere on the way.
    pub sights: Sights,
}

impl Explored {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            states: self.states + other.states,
            transitions: self.transitions + other.transitions,
            depth: self.depth.max(other.depth),
            sights: self.sights.or(other.sights),
        }
    }
}

/// A shortest way to break a promise.
#[derive(Debug)]
pub struct Counterexample {
    /// The promise.
    pub invariant: Invariant,
    /// Where it began.
    pub start: State,
    /// What happened, and the state after it.
    pub steps: Vec<(Step, State)>,
}

/// States in the order in which they were found, each with the one that it was found from.
struct Found {
    states: IndexSet<State, FxBuildHasher>,
    parents: Vec<usize>,
}

impl Model {
    /// Checks every state that can be reached, and every step.
    pub fn explore(&self) -> Result<Explored, Box<Counterexample>> {
        let mut found = Found { states: IndexSet::default(), parents: vec![0] };
        found.states.insert(self.scenario.start());
        let mut explored = Explored::default();
        let (mut next, mut end_of_level) = (0, 1);
        while let Some(state) = found.states.get_index(next).copied() {
            if next == end_of_level {
                explored.depth += 1;
                end_of_level = found.states.len();
            }
            self.check_state(&state).map_err(|broken| self.retrace(&found, next, None, broken))?;
            let mut broken = None;
            self.each_step(&state, |step, after| {
                explored.transitions += 1;
                explored.sights.note(&state, step, &after);
                match self.check_step(&state, &after) {
                    Ok(()) if found.states.insert(after.remembered()) => found.parents.push(next),
                    Ok(()) => {}
                    Err(invariant) => broken = broken.or(Some((step, after, invariant))),
                }
            });
            if let Some((step, after, invariant)) = broken {
                return Err(self.retrace(&found, next, Some((step, after)), invariant));
            }
            next += 1;
        }
        explored.states = found.states.len();
        Ok(explored)
    }

    /// The way to the state with this index, and one step more.
    fn retrace(
        &self,
        found: &Found,
        mut index: usize,
        last: Option<(Step, State)>,
        invariant: Invariant,
    ) -> Box<Counterexample> {
        let mut steps = Vec::from_iter(last);
        while index != 0 {
            let (parent, state) = (found.states[found.parents[index]], found.states[index]);
            let mut between = None;
            self.each_step(&parent, |step, after| {
                if after.remembered() == state {
                    between = between.or(Some((step, after)));
                }
            });
            steps.extend(between);
            index = found.parents[index];
        }
        steps.reverse();
        Box::new(Counterexample { invariant, start: found.states[0], steps })
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Broken: {}.", self.invariant)?;
        writeln!(f, "   At first: {}.", self.start.items)?;
        let mut before = self.start;
        for (number, (step, after)) in self.steps.iter().enumerate() {
            write!(f, "{:2}. {step}", number + 1)?;
            for ((who, was), (_, now)) in before.processes().zip(after.processes()) {
                if was.at != now.at {
                    write!(f, "; {who} {}", now.at)?;
                }
            }
            if before.items != after.items {
                write!(f, ". Now {}", after.items)?;
            }
            writeln!(f, ".")?;
            before = after.remembered();
        }
        Ok(())
    }
}
