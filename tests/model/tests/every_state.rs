//! The protocol keeps every promise in every state, and the search meets every observation.

use model::{Explored, Model, Observation, scenario};
use strum::VariantArray;

#[test]
fn every_promise_is_kept_in_every_state_and_every_observation_is_made() {
    let mut total = Explored::default();
    for scenario in scenario::small() {
        match Model::new(scenario).explore() {
            Ok(explored) => total = total.and(explored),
            Err(counterexample) => panic!("{scenario}\n{counterexample}"),
        }
    }
    let Explored { states, transitions, depth, observations } = total;
    assert_eq!(Vec::from_iter(observations), Observation::VARIANTS);
    // Every change of the model changes these numbers, so nobody changes it by accident.
    assert_eq!((states, transitions, depth), (2_532_395, 25_300_333, 22));
}
