//! Every condition of the protocol is needed: without it, a named promise breaks.

use model::{Flaw, Invariant, Model, Scenario};

/// Two requests with one key, one request with another key, and one coin: most flaws show here.
fn usual() -> Scenario {
    Scenario::new(1, "A1 A1 B1").late_calls(0)
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
fn a_hold_must_check_the_coins() {
    breaks(usual(), &[Flaw::HoldIgnoresCoins], Invariant::HoldsAreCovered);
}

#[test]
fn a_hold_must_check_the_limit_of_running_generations() {
    let one_at_a_time = Scenario::new(2, "A1 B1 C1").max_holds(1);
    breaks(one_at_a_time, &[Flaw::HoldIgnoresLimit], Invariant::HoldsAreLimited);
}

#[test]
fn a_hold_must_compare_the_bodies() {
    breaks(Scenario::new(1, "A1 A1 A2"), &[Flaw::HoldIgnoresBody], Invariant::KeyKeepsItsBody);
}

#[test]
fn a_hold_must_check_the_status() {
    breaks(usual(), &[Flaw::HoldIgnoresStatus], Invariant::ResponseIsTrue);
}

/// Two late calls are needed: the hold, which starts the attempt again, and its settle.
#[test]
fn a_late_hold_must_not_start_an_ended_attempt_again() {
    let late = usual().late_calls(2);
    breaks(late, &[Flaw::HoldIgnoresAge], Invariant::ResponseStaysTrue);
}

#[test]
fn a_settle_must_check_the_balance() {
    let two_coins = Scenario::new(2, "A1 B1 C1");
    breaks(two_coins, &[Flaw::SettleIgnoresBalance], Invariant::HoldsAreCovered);
}

#[test]
fn a_settle_must_not_be_a_decrement_without_conditions() {
    breaks(usual(), &[Flaw::DecrementWithoutHold], Invariant::HoldsAreCovered);
}

#[test]
fn a_release_must_delete_the_hold() {
    breaks(usual(), &[Flaw::ReleaseKeepsHold], Invariant::HoldsAreCovered);
}

#[test]
fn a_top_up_must_append_its_payment_only_once() {
    breaks(usual().top_up(1), &[Flaw::TopUpRepeats], Invariant::BalanceIsLedger);
}

#[test]
fn a_top_up_must_check_the_balance() {
    breaks(usual().top_up(1), &[Flaw::TopUpIgnoresBalance], Invariant::HoldsAreCovered);
}

#[test]
fn a_refused_hold_must_read_the_generation_before_the_balance() {
    breaks(usual(), &[Flaw::BalanceFirst], Invariant::ResponseIsTrue);
}

#[test]
fn a_hold_whose_reply_was_lost_must_be_recognised() {
    breaks(usual(), &[Flaw::OwnHoldNotRecognised], Invariant::ResponseIsTrue);
}

#[test]
fn fal_must_not_be_called_after_an_undecided_hold() {
    breaks(usual(), &[Flaw::HoldUndecidedGoesOn], Invariant::FalNeedsAHold);
}

#[test]
fn an_undecided_settle_must_not_be_reported_as_a_failure() {
    breaks(usual(), &[Flaw::UndecidedMeansFailed], Invariant::ResponseStaysTrue);
}

#[test]
fn the_release_after_an_undecided_settle_must_read_the_record() {
    breaks(usual(), &[Flaw::ReleaseNotRead], Invariant::ResponseStaysTrue);
}

#[test]
fn a_refused_settle_must_read_the_record() {
    breaks(usual(), &[Flaw::RefusedMeansSettled], Invariant::ResponseStaysTrue);
}

#[test]
fn a_lapsed_hold_must_be_expired_by_the_request_that_it_blocks() {
    breaks(usual(), &[Flaw::NobodyExpires], Invariant::NothingIsStuck);
}

/// Two conditions stop a late writer: the attempt and the status in the generation, and the hold in the
/// profile. Either alone is enough. Without both, a promise breaks.
mod pairs {
    use super::*;

    #[test]
    fn a_late_writer_is_stopped_by_the_attempt_or_by_the_hold() {
        changes_nothing(&[Flaw::NoFence]);
        changes_nothing(&[Flaw::SettleIgnoresHold]);
        changes_nothing(&[Flaw::GiveBackIgnoresHold]);
        breaks(usual(), &[Flaw::NoFence, Flaw::SettleIgnoresHold], Invariant::HoldsAreCovered);
        breaks(usual(), &[Flaw::NoFence, Flaw::GiveBackIgnoresHold], Invariant::HoldsAreCovered);
    }

    #[test]
    fn a_settle_is_stopped_by_the_status_or_by_the_hold() {
        changes_nothing(&[Flaw::SettleIgnoresStatus]);
        breaks(usual(), &[Flaw::SettleIgnoresStatus, Flaw::SettleIgnoresHold], Invariant::HoldsAreCovered);
    }

    #[test]
    fn a_charge_is_new_whenever_its_hold_exists() {
        changes_nothing(&[Flaw::ChargeOverwrites]);
    }

    #[test]
    fn a_release_is_stopped_by_the_status_or_by_the_hold() {
        changes_nothing(&[Flaw::ReleaseIgnoresStatus]);
        let overwrites = &[Flaw::ReleaseIgnoresStatus, Flaw::GiveBackIgnoresHold];
        breaks(usual(), overwrites, Invariant::HoldsAreCovered);
    }

    #[test]
    fn an_expiry_is_stopped_by_the_status_or_by_the_hold() {
        changes_nothing(&[Flaw::ExpireOverwrites]);
        breaks(usual(), &[Flaw::ExpireOverwrites, Flaw::GiveBackIgnoresHold], Invariant::HoldsAreCovered);
    }

    #[test]
    fn a_lease_is_checked_by_the_sender_and_by_the_transaction() {
        changes_nothing(&[Flaw::ExpireIgnoresLease]);
        changes_nothing(&[Flaw::SenderIgnoresLease]);
        let neither = &[Flaw::ExpireIgnoresLease, Flaw::SenderIgnoresLease];
        breaks(usual(), neither, Invariant::LeaseIsRespected);
    }
}
