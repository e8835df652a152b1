//! Which request gets which fault.

use super::super::faults::{Fault, Injection, Plan};

fn plan(injections: &[(Fault, u32, Option<u32>)]) -> Plan {
    let mut plan = Plan::default();
    for &(fault, skip, times) in injections {
        plan.add(Injection { fault, skip, times });
    }
    plan
}

fn hits(plan: &mut Plan, requests: usize) -> Vec<Option<Fault>> {
    (0..requests).map(|_| plan.next()).collect()
}

const LOCKED: Fault = Fault::AccountLocked;
const SLOW: Fault = Fault::Slow;

#[test]
fn skip_and_times_choose_the_requests() {
    let mut second = plan(&[(LOCKED, 1, Some(1))]);
    assert_eq!(hits(&mut second, 3), [None, Some(LOCKED), None]);
    assert!(second.active().is_empty());
    let mut twice = plan(&[(LOCKED, 0, Some(2))]);
    assert_eq!(hits(&mut twice, 3), [Some(LOCKED), Some(LOCKED), None]);
    let mut never = plan(&[(LOCKED, 0, Some(0))]);
    assert_eq!(hits(&mut never, 1), [None]);
}

#[test]
fn without_times_a_fault_stays_until_cleared() {
    let mut plan = plan(&[(LOCKED, 1, None)]);
    assert_eq!(hits(&mut plan, 3), [None, Some(LOCKED), Some(LOCKED)]);
    plan.clear();
    assert_eq!(hits(&mut plan, 1), [None]);
}

#[test]
fn injections_count_on_their_own_and_the_older_goes_first() {
    let mut apart = plan(&[(LOCKED, 0, Some(1)), (SLOW, 1, Some(1))]);
    assert_eq!(hits(&mut apart, 3), [Some(LOCKED), Some(SLOW), None]);
    let mut together = plan(&[(LOCKED, 0, Some(1)), (SLOW, 0, Some(1))]);
    assert_eq!(hits(&mut together, 3), [Some(LOCKED), Some(SLOW), None]);
}

#[test]
fn every_fault_has_a_name_of_its_own_and_a_sentence() {
    for (index, fault) in Fault::ALL.iter().enumerate() {
        assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        assert!(fault.description().ends_with('.'), "{fault:?}");
        assert!(Fault::ALL[..index].iter().all(|other| other.name() != fault.name()));
    }
}
