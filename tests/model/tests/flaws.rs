//! Every condition of the protocol is needed: without it, a named promise breaks.

use std::collections::BTreeSet;

use model::{Flaw, Invariant, Model, Scenario};
use strum::VariantArray;

/// A protocol with these flaws, and the promise that it breaks first. `None`: another condition prevents the harm.
type Case = (Scenario, &'static [Flaw], Option<Invariant>);

/// Two requests with one key, one request with another key, and one coin: most flaws show here.
fn usual() -> Scenario {
    Scenario::new(1, "A1 A1 B1").late_calls(0)
}

fn check(cases: Vec<Case>) {
    for (scenario, flaws, promise) in cases {
        match (Model { scenario, flaws }).explore() {
            Ok(explored) => {
                assert_eq!(promise, None, "{flaws:?} in {} states of {scenario}", explored.states)
            }
            Err(counterexample) => {
                assert_eq!(Some(counterexample.invariant), promise, "{flaws:?}\n{counterexample}");
            }
        }
    }
}

fn conditions_of_a_hold() -> Vec<Case> {
    let one_at_a_time = Scenario::new(2, "A1 B1 C1").max_holds(1);
    let two_bodies = Scenario::new(1, "A1 A1 A2");
    vec![
        (usual(), &[Flaw::HoldIgnoresCoins], Some(Invariant::HoldsAreCovered)),
        (one_at_a_time, &[Flaw::HoldIgnoresLimit], Some(Invariant::HoldsAreLimited)),
        (two_bodies, &[Flaw::HoldIgnoresBody], Some(Invariant::KeyKeepsItsBody)),
        (usual(), &[Flaw::HoldIgnoresStatus], Some(Invariant::ResponseIsTrue)),
        // Two late calls are needed: the hold, which starts the attempt again, and its settle.
        (usual().late_calls(2), &[Flaw::HoldIgnoresAge], Some(Invariant::ResponseStaysTrue)),
        (usual(), &[Flaw::BalanceFirst], Some(Invariant::ResponseIsTrue)),
        (usual(), &[Flaw::OwnHoldNotRecognised], Some(Invariant::ResponseIsTrue)),
        (usual(), &[Flaw::HoldUndecidedGoesOn], Some(Invariant::FalNeedsAHold)),
        (usual(), &[Flaw::NobodyExpires], Some(Invariant::NothingIsStuck)),
    ]
}

fn conditions_of_a_charge_and_a_payment() -> Vec<Case> {
    let two_coins = Scenario::new(2, "A1 B1 C1");
    vec![
        (two_coins, &[Flaw::SettleIgnoresBalance], Some(Invariant::HoldsAreCovered)),
        (usual(), &[Flaw::DecrementWithoutHold], Some(Invariant::HoldsAreCovered)),
        (usual(), &[Flaw::ReleaseKeepsHold], Some(Invariant::HoldsAreCovered)),
        (usual(), &[Flaw::UndecidedMeansFailed], Some(Invariant::ResponseStaysTrue)),
        (usual(), &[Flaw::ReleaseNotRead], Some(Invariant::ResponseStaysTrue)),
        (usual(), &[Flaw::RefusedMeansSettled], Some(Invariant::ResponseStaysTrue)),
        (usual().top_up(1), &[Flaw::TopUpRepeats], Some(Invariant::BalanceIsLedger)),
        (usual().top_up(1), &[Flaw::TopUpIgnoresBalance], Some(Invariant::HoldsAreCovered)),
    ]
}

/// The attempt and the status in the generation stop a late writer, and so does the hold in the profile. A lease is
/// checked by the sender and by the transaction. Either alone is enough. Without both, a promise breaks.
fn conditions_that_guard_each_other() -> Vec<Case> {
    use Flaw::*;
    let alone: [&[Flaw]; 9] = [
        &[NoFence],
        &[SettleIgnoresHold],
        &[GiveBackIgnoresHold],
        &[SettleIgnoresStatus],
        &[ReleaseIgnoresStatus],
        &[ExpireOverwrites],
        // A charge is new whenever its hold exists.
        &[ChargeOverwrites],
        &[ExpireIgnoresLease],
        &[SenderIgnoresLease],
    ];
    let both: [(&[Flaw], Invariant); 6] = [
        (&[NoFence, SettleIgnoresHold], Invariant::HoldsAreCovered),
        (&[NoFence, GiveBackIgnoresHold], Invariant::HoldsAreCovered),
        (&[SettleIgnoresStatus, SettleIgnoresHold], Invariant::HoldsAreCovered),
        (&[ReleaseIgnoresStatus, GiveBackIgnoresHold], Invariant::HoldsAreCovered),
        (&[ExpireOverwrites, GiveBackIgnoresHold], Invariant::HoldsAreCovered),
        (&[ExpireIgnoresLease, SenderIgnoresLease], Invariant::LeaseIsRespected),
    ];
    let alone = alone.map(|flaws| (usual(), flaws, None));
    let both = both.map(|(flaws, promise)| (usual(), flaws, Some(promise)));
    alone.into_iter().chain(both).collect()
}

#[test]
fn a_hold_needs_each_of_its_conditions() {
    check(conditions_of_a_hold());
}

#[test]
fn a_charge_and_a_payment_need_each_of_their_conditions() {
    check(conditions_of_a_charge_and_a_payment());
}

#[test]
fn one_of_two_conditions_that_guard_each_other_is_enough() {
    check(conditions_that_guard_each_other());
}

#[test]
fn every_flaw_is_tested() {
    let cases =
        [conditions_of_a_hold(), conditions_of_a_charge_and_a_payment(), conditions_that_guard_each_other()];
    let tested: BTreeSet<_> = cases.iter().flatten().flat_map(|(_, flaws, _)| *flaws).collect();
    assert_eq!(Vec::from_iter(tested), Vec::from_iter(Flaw::VARIANTS));
}
