//! Every condition of the protocol is needed: without it, a named promise breaks.

use std::collections::BTreeSet;

use model::{Flaw, Invariant, Model, Scenario};
use strum::VariantArray;

/// A protocol with these flaws, and the promise that it breaks first. `None`: another condition prevents the
/// harm.
type Case = (Scenario, &'static [Flaw], Option<Invariant>);

/// Two requests with one key, one request with another key, and one coin: most flaws show here.
fn usual() -> Scenario {
    Scenario::new(1, "A1 A1 B1").late_calls(0)
}

/// Three requests with a key each, and two coins.
fn two_coins() -> Scenario {
    Scenario::new(2, "A1 B1 C1")
}

fn check(cases: Vec<Case>) {
    let surprises = cases.into_iter().filter_map(|(scenario, flaws, promise)| {
        let found = (Model { scenario, flaws }).explore();
        let broken = found.as_ref().err().map(|counterexample| counterexample.invariant);
        let told = found.map_or_else(|broken| broken.to_string(), |explored| format!("{explored:?}"));
        (broken != promise).then(|| format!("{flaws:?} in {scenario}\n{told}"))
    });
    let surprises = Vec::from_iter(surprises);
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

fn conditions_of_a_hold() -> Vec<Case> {
    let one_at_a_time = Scenario::new(2, "A1 B1 C1").max_holds(1);
    let two_bodies = Scenario::new(1, "A1 A1 A2");
    vec![
        (usual(), &[Flaw::HoldIgnoresCoins], Some(Invariant::HoldsAreCovered)),
        (one_at_a_time, &[Flaw::HoldIgnoresLimit], Some(Invariant::HoldsAreLimited)),
        (usual().budget(1), &[Flaw::HoldIgnoresFailures], Some(Invariant::FailuresAreLimited)),
        (two_coins().budget(1), &[Flaw::HoldIgnoresRunning], Some(Invariant::FailuresAreLimited)),
        (two_bodies, &[Flaw::HoldIgnoresBody], Some(Invariant::KeyKeepsItsBody)),
        (usual(), &[Flaw::HoldIgnoresStatus], Some(Invariant::ResponseIsTrue)),
        // A late hold would start an ended attempt again.
        (usual().late_calls(1), &[Flaw::HoldIgnoresAge], Some(Invariant::EndIsFinal)),
        (usual(), &[Flaw::BalanceFirst], Some(Invariant::ResponseIsTrue)),
        (usual(), &[Flaw::OwnHoldNotRecognised], Some(Invariant::ResponseIsTrue)),
        (usual(), &[Flaw::HoldUndecidedGoesOn], Some(Invariant::FalNeedsAHold)),
        (usual(), &[Flaw::NobodyExpires], Some(Invariant::NothingIsStuck)),
    ]
}

fn conditions_of_a_charge_and_a_payment() -> Vec<Case> {
    vec![
        (two_coins(), &[Flaw::SettleIgnoresBalance], Some(Invariant::HoldsAreCovered)),
        (usual(), &[Flaw::DecrementWithoutHold], Some(Invariant::EndIsFinal)),
        (usual(), &[Flaw::ReleaseKeepsHold], Some(Invariant::HoldsAreCovered)),
        (usual().budget(1), &[Flaw::FailureNotCounted], Some(Invariant::FailureIsCounted)),
        (usual().budget(1), &[Flaw::OurFailureCounted], Some(Invariant::FailureIsCounted)),
        (usual(), &[Flaw::UndecidedMeansFailed], Some(Invariant::ResponseStaysTrue)),
        (usual(), &[Flaw::ReleaseNotRead], Some(Invariant::ResponseStaysTrue)),
        (usual(), &[Flaw::RefusedMeansSettled], Some(Invariant::ResponseStaysTrue)),
        (usual().top_up(1), &[Flaw::TopUpRepeats], Some(Invariant::BalanceIsLedger)),
        (usual().top_up(1), &[Flaw::TopUpIgnoresBalance], Some(Invariant::HoldsAreCovered)),
    ]
}

/// The attempt and the status in the generation stop a late writer, and so does the hold in the profile. A
/// lease is checked by the sender and by the transaction. Either alone is enough. Without both, a promise
/// breaks.
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
        (&[SettleIgnoresStatus, SettleIgnoresHold], Invariant::EndIsFinal),
        (&[ReleaseIgnoresStatus, GiveBackIgnoresHold], Invariant::EndIsFinal),
        (&[ExpireOverwrites, GiveBackIgnoresHold], Invariant::EndIsFinal),
        (&[ExpireIgnoresLease, SenderIgnoresLease], Invariant::LeaseIsRespected),
    ];
    let alone = alone.map(|flaws| (usual(), flaws, None));
    let both = both.map(|(flaws, promise)| (usual(), flaws, Some(promise)));
    alone.into_iter().chain(both).collect()
}

/// An asynchronous batch alone.
fn alone() -> Scenario {
    Scenario::new(1, "A1").asynchronous(1, 1)
}

/// An asynchronous batch and its repeat under the same key.
fn repeated() -> Scenario {
    Scenario::new(1, "A1 A1").asynchronous(2, 1)
}

fn conditions_of_an_asynchronous_batch() -> Vec<Case> {
    use Flaw::*;
    let two_workers = alone().asynchronous(1, 2);
    vec![
        (alone(), &[HoldNotIndexed], Some(Invariant::IndexIsPending)),
        (alone(), &[EndStaysIndexed], Some(Invariant::IndexIsPending)),
        (repeated(), &[TicketsIgnoreAttempt], Some(Invariant::JobsAreOwn)),
        (alone(), &[TicketsIgnoreStatus], Some(Invariant::EndIsFinal)),
        (repeated(), &[PictureIgnoresAttempt], Some(Invariant::JobsAreOwn)),
        (alone(), &[PictureIgnoresStatus], Some(Invariant::EndIsFinal)),
        (alone(), &[PictureIgnoresPictures], Some(Invariant::SecondPictureSettles)),
        (alone(), &[OnePictureSettles], Some(Invariant::JobsAreOwn)),
        (alone(), &[OwnPictureNotRecognised], Some(Invariant::JobsAreOwn)),
        (alone(), &[SecondPictureDropped], Some(Invariant::BatchEnds)),
        (repeated(), &[WebhookIgnoresAttempt], Some(Invariant::JobsAreOwn)),
        (alone(), &[WebhookIgnoresToken], Some(Invariant::JobsAreOwn)),
        (alone(), &[PullIgnoresTicket], Some(Invariant::FailureHasAReason)),
        (alone(), &[LapsedMeansExpired], Some(Invariant::ResponseStaysTrue)),
        (alone(), &[LostSubmissionSentAgain], Some(Invariant::JobIsSentOnce)),
        // The time and the status guard each other. No promise depends on who looks at which attempt when.
        (two_workers, &[PostponeIgnoresStatus], None),
        (two_workers, &[PostponeIgnoresTime], None),
        (two_workers, &[PostponeIgnoresStatus, PostponeIgnoresTime], Some(Invariant::EndIsFinal)),
        (repeated(), &[PostponeIgnoresAttempt], None),
        // What stops a late writer of a synchronous batch stops a worker, too.
        (repeated(), &[NoFence], None),
        (repeated(), &[NoFence, SettleIgnoresHold], Some(Invariant::HoldsAreCovered)),
        (repeated(), &[NoFence, GiveBackIgnoresHold], Some(Invariant::FailureHasAReason)),
        (two_workers, &[SettleIgnoresStatus, SettleIgnoresHold], Some(Invariant::EndIsFinal)),
        (alone(), &[ReleaseIgnoresStatus, GiveBackIgnoresHold], Some(Invariant::HoldsAreCovered)),
        (alone(), &[ExpireOverwrites, GiveBackIgnoresHold], Some(Invariant::EndIsFinal)),
        (alone(), &[ExpireIgnoresLease, SenderIgnoresLease], Some(Invariant::LeaseIsRespected)),
        (alone(), &[NobodyExpires], Some(Invariant::NothingIsStuck)),
    ]
}

#[test]
fn an_asynchronous_batch_needs_each_of_its_conditions() {
    check(conditions_of_an_asynchronous_batch());
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
    let cases = [
        conditions_of_a_hold(),
        conditions_of_a_charge_and_a_payment(),
        conditions_that_guard_each_other(),
        conditions_of_an_asynchronous_batch(),
    ];
    let tested: BTreeSet<_> = cases.iter().flatten().flat_map(|(_, flaws, _)| *flaws).collect();
    assert_eq!(Vec::from_iter(tested), Vec::from_iter(Flaw::VARIANTS));
}
