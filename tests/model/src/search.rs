//! The search: breadth first through every reachable state, so that a counterexample is a shortest one.

use std::collections::BTreeSet;
use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::invariants::Invariant;
use crate::observations::{self, Observation};
use crate::state::State;
use crate::steps::{Model, Step};

#[derive(Debug, Default)]
pub struct Explored {
    pub states: usize,
    /// Steps from one state to another, or back to the same.
    pub transitions: usize,
    /// Steps to the farthest state.
    pub depth: usize,
    pub observations: BTreeSet<Observation>,
}

impl Explored {
    /// The sum of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            states: self.states + other.states,
            transitions: self.transitions + other.transitions,
            depth: self.depth.max(other.depth),
            observations: &self.observations | &other.observations,
        }
    }
}

/// A shortest way to break a promise.
#[derive(Debug)]
pub struct Counterexample {
    pub invariant: Invariant,
    pub start: State,
    /// Each step, with the state after it.
    pub steps: Vec<(Step, State)>,
}

/// The states in the order in which they were found, each with the index of the state that led to it.
type Found = IndexMap<State, usize, FxBuildHasher>;

impl Model {
    /// Checks every reachable state and every step.
    pub fn explore(&self) -> Result<Explored, Box<Counterexample>> {
        let mut found = Found::from_iter([(self.scenario.start(), 0)]);
        let mut explored = Explored::default();
        let (mut index, mut end_of_level) = (0, 1);
        while let Some((state, _)) = found.get_index(index) {
            let state = *state;
            if index == end_of_level {
                explored.depth += 1;
                end_of_level = found.len();
            }
            let mut broken = self.check_state(&state).err().map(|invariant| (invariant, None));
            self.each_step(&state, |step, after| {
                explored.transitions += 1;
                explored.observations.extend(observations::of(&state, step, &after));
                match self.check_step(&state, &after) {
                    Ok(()) => _ = found.entry(after.normalized()).or_insert(index),
                    Err(invariant) => broken = broken.or(Some((invariant, Some((step, after))))),
                }
            });
            if let Some((invariant, last)) = broken {
                return Err(self.retrace(&found, index, last, invariant));
            }
            index += 1;
        }
        explored.states = found.len();
        Ok(explored)
    }

    /// The way to the state with this index, and the `last` step after it.
    fn retrace(
        &self,
        found: &Found,
        mut index: usize,
        last: Option<(Step, State)>,
        invariant: Invariant,
    ) -> Box<Counterexample> {
        let mut steps = Vec::from_iter(last);
        while index != 0 {
            let (state, parent) = (found.keys()[index], found[index]);
            let mut between = None;
            self.each_step(&found.keys()[parent], |step, after| {
                if after.normalized() == state {
                    between = between.or(Some((step, after)));
                }
            });
            steps.extend(between);
            index = parent;
        }
        steps.reverse();
        Box::new(Counterexample { invariant, start: found.keys()[0], steps })
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Broken: {}.", self.invariant)?;
        writeln!(f, "   Start: {}.", self.start.items)?;
        let mut before = self.start;
        for (number, (step, after)) in self.steps.iter().enumerate() {
            write!(f, "{:2}. {step}", number + 1)?;
            for ((actor, was), (_, now)) in before.processes().zip(after.processes()) {
                if was.stage != now.stage {
                    write!(f, "; {actor} goes to {:?}", now.stage)?;
                }
            }
            if before.items != after.items {
                write!(f, ". Now {}", after.items)?;
            }
            writeln!(f, ".")?;
            before = after.normalized();
        }
        Ok(())
    }
}
