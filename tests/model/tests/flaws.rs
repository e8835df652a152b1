//! Every guard of the protocol is needed: without it, the promise breaks that it is there to keep.
#![allow(missing_docs, reason = "test names are facts")]

use model::{Flaw, Invariant, Model, Scenario};

/// Two requests under one key and one under another, for one coin: most of what can go wrong does so here.
fn usual() -> Scenario {
    Scenario::of(1, "A1 A1 B1").stragglers(0)
}

#[track_caller]
fn breaks(scenario: Scenario, flaws: &'static [Flaw], promise: Invariant) {
    match (Model { scenario, flaws }).explore() {
        Ok(explored) => panic!("{} states, and {flaws:?} went unnoticed", explored.states),
        Err(counterexample) => assert_eq!(counterexample.invariant, promise, "{counterexample}"),
    }
}

#[track_caller]
fn changes_nothing(flaws: &'static [Flaw]) {
    if let Err(counterexample) = (Model { scenario: usual(), flaws }).explore() {
        panic!("{flaws:?}\n{counterexample}");
    }
}

#[test]
fn hold_must_look_at_the_coins() {
    breaks(usual(), &[Flaw::HoldIgnoresCoins], Invariant::HoldsAreCovered);
}

#[test]
fn hold_must_look_at_the_room() {
    let one_at_once = Scenario::of(2, "A1 B1 C1").most_holds(1);
    breaks(one_at_once, &[Flaw::HoldIgnoresLimit], Invariant::HoldsAreFew);
}

#[test]
fn hold_must_compare_the_bodies() {
    breaks(Scenario::of(1, "A1 A1 A2"), &[Flaw::HoldIgnoresBody], Invariant::KeyKeepsItsBody);
}

#[test]
fn hold_must_look_at_the_status() {
    breaks(usual(), &[Flaw::HoldIgnoresStatus], Invariant::AnswerIsTrueWhenGiven);
}

/// Two calls have to arrive after they were given up: the hold, which begins the attempt once more, and its settle.
#[test]
fn hold_must_not_begin_an_ended_attempt_again() {
    let late = usual().stragglers(2);
    breaks(late, &[Flaw::HoldIgnoresAge], Invariant::AnswerStaysTrue);
}

#[test]
fn settle_must_name_the_balance() {
    let two_coins = Scenario::of(2, "A1 B1 C1");
    breaks(two_coins, &[Flaw::SettleIgnoresBalance], Invariant::HoldsAreCovered);
}

#[test]
fn a_decrement_must_name_its_hold() {
    breaks(usual(), &[Flaw::DecrementWithoutHold], Invariant::HoldsAreCovered);
}

#[test]
fn release_must_delete_the_hold() {
    breaks(usual(), &[Flaw::ReleaseKeepsHold], Invariant::HoldsAreCovered);
}

#[test]
fn a_top_up_must_append_its_payment_once() {
    breaks(usual().top_up(1), &[Flaw::TopUpRepeats], Invariant::BalanceIsLedger);
}

#[test]
fn a_top_up_must_name_the_balance() {
    breaks(usual().top_up(1), &[Flaw::TopUpIgnoresBalance], Invariant::HoldsAreCovered);
}

#[test]
fn a_refused_hold_must_be_read_generation_first() {
    breaks(usual(), &[Flaw::BalanceFirst], Invariant::AnswerIsTrueWhenGiven);
}

#[test]
fn a_lost_hold_must_be_recognised() {
    breaks(usual(), &[Flaw::OwnHoldNotRecognised], Invariant::AnswerIsTrueWhenGiven);
}

#[test]
fn fal_must_not_be_asked_after_an_undecided_hold() {
    breaks(usual(), &[Flaw::HoldUndecidedGoesOn], Invariant::FalHasAHold);
}

#[test]
fn an_undecided_settle_must_not_be_called_a_failure() {
    breaks(usual(), &[Flaw::UndecidedMeansFailed], Invariant::AnswerStaysTrue);
}

#[test]
fn the_release_after_an_undecided_settle_must_be_read() {
    breaks(usual(), &[Flaw::ReleaseNotRead], Invariant::AnswerStaysTrue);
}

#[test]
fn a_refused_settle_must_be_read() {
    breaks(usual(), &[Flaw::RefusedMeansSettled], Invariant::AnswerStaysTrue);
}

#[test]
fn an_expired_hold_must_be_expired_by_whom_it_stops() {
    breaks(usual(), &[Flaw::NobodyExpires], Invariant::NothingIsStuck);
}

/// The conditions that tell a late writer from the current one come in twos: the generation names its attempt
/// and has a status, and the profile names the attempt's hold. Either stops a writer that the other lets pass.
mod in_pairs {
    use super::*;

    #[test]
    fn the_fence_is_the_attempt_and_the_hold() {
        changes_nothing(&[Flaw::NoFence]);
        changes_nothing(&[Flaw::SettleIgnoresHold]);
        changes_nothing(&[Flaw::GiveBackIgnoresHold]);
        breaks(usual(), &[Flaw::NoFence, Flaw::SettleIgnoresHold], Invariant::HoldsAreCovered);
        breaks(usual(), &[Flaw::NoFence, Flaw::GiveBackIgnoresHold], Invariant::HoldsAreCovered);
    }

    #[test]
    fn a_settle_is_stopped_by_the_status_and_the_hold() {
        changes_nothing(&[Flaw::SettleIgnoresStatus]);
        breaks(usual(), &[Flaw::SettleIgnoresStatus, Flaw::SettleIgnoresHold], Invariant::HoldsAreCovered);
    }

    #[test]
    fn a_charge_is_new_whenever_its_hold_is_there() {
        changes_nothing(&[Flaw::ChargeOverwrites]);
    }

    #[test]
    fn a_release_is_stopped_by_the_status_and_the_hold() {
        changes_nothing(&[Flaw::ReleaseIgnoresStatus]);
        let overwrites = &[Flaw::ReleaseIgnoresStatus, Flaw::GiveBackIgnoresHold];
        breaks(usual(), overwrites, Invariant::HoldsAreCovered);
    }

    #[test]
    fn an_expiry_that_overwrites_is_stopped_by_the_status_and_the_hold() {
        changes_nothing(&[Flaw::ExpireOverwrites]);
        breaks(usual(), &[Flaw::ExpireOverwrites, Flaw::GiveBackIgnoresHold], Invariant::HoldsAreCovered);
    }

    #[test]
    fn a_lease_is_looked_at_by_the_sender_and_by_the_tables() {
        changes_nothing(&[Flaw::ExpireIgnoresLease]);
        changes_nothing(&[Flaw::SenderIgnoresLease]);
        let neither = &[Flaw::ExpireIgnoresLease, Flaw::SenderIgnoresLease];
        breaks(usual(), neither, Invariant::LeaseIsRespected);
    }
}
