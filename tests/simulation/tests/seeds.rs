//! Sixty worlds in every run of the tests; CI runs a thousand, and `cargo run --release -p simulation` a million.

use kit::merchants::Backend;
use simulation::time::in_paused_time;
use simulation::world::World;
use simulation::{live, run};

/// So many that every kind of trouble meets every kind of call.
const SEEDS: std::ops::Range<u64> = 0..60;

#[test]
fn no_world_breaks_a_promise() {
    for seed in SEEDS {
        if let Err(failure) = run(seed) {
            let violations = failure.violations.join("\n- ");
            panic!(
                "seed {seed} breaks a promise:\n- {violations}\nEverything that happened: cargo run --release -p \
                 simulation -- --seed {seed}"
            );
        }
    }
}

fn journal(seed: u64) -> Vec<String> {
    in_paused_time(async || {
        let world = World::new(seed).await;
        live(&world, seed).await;
        world.auditor().violated("a violation, to see the journal".to_owned());
        world.verdict().expect_err("the violation").journal
    })
}

#[test]
fn the_same_seed_runs_the_same_way() {
    for seed in [3, 4, 5] {
        assert_eq!(journal(seed), journal(seed));
    }
}
