//! The protocol as it is keeps every promise in every state, and meets all that it is there for.
#![allow(missing_docs, reason = "test names are facts")]

use model::{Explored, Model, Scenario, Sight, scenario};

fn explore(scenarios: &[Scenario]) -> Explored {
    let explored = scenarios.iter().map(|scenario| match Model::new(*scenario).explore() {
        Ok(explored) => explored,
        Err(counterexample) => panic!("{scenario}\n{counterexample}"),
    });
    explored.fold(Explored::default(), Explored::and)
}

#[test]
fn every_promise_is_kept_in_every_state_and_nothing_that_matters_is_left_out() {
    let explored = explore(&scenario::small());
    let unseen: Vec<_> = Sight::ALL.into_iter().filter(|sight| !explored.sights.has(*sight)).collect();
    assert!(unseen.is_empty(), "never happened: {unseen:?}");
    // A change of the model changes these; that it does should be noticed, and meant.
    let Explored { states, transitions, depth, .. } = explored;
    assert_eq!((states, transitions, depth), (1_798_241, 18_331_134, 22));
}
