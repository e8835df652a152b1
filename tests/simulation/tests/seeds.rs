//! A few hundred worlds on every run of the tests; CI runs thousands, and `cargo run --release -p simulation` a million.

use simulation::world::{World, in_paused_time};
use simulation::{merchants, network::Weather, run};

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

/// What the journal says of the world of `seed`.
fn journal(seed: u64) -> Vec<String> {
    in_paused_time(async || {
        let world = World::new(seed, Weather::Seeded(seed)).await;
        merchants::live(&world, seed).await;
        merchants::come_again(&world).await;
        world.auditor.lock().expect("no panic").violated("to see the journal".to_owned());
        world.verdict().expect_err("an objection").journal
    })
}

#[test]
fn the_same_seed_runs_the_same_way() {
    for seed in [3, 4, 5] {
        assert_eq!(journal(seed), journal(seed));
    }
}
