//! Which fault hits which request.

use crate::faults::{Fault, Injection, Injections};

fn injected(injections: &[(Fault, u32, Option<u32>)]) -> Injections {
    let mut injected = Injections::default();
    for &(fault, skip, times) in injections {
        injected.add(Injection { fault, skip, times });
    }
    injected
}

fn hits(injections: &mut Injections, requests: usize) -> Vec<Option<Fault>> {
    (0..requests).map(|_| injections.next()).collect()
}

const LOCKED: Fault = Fault::AccountLocked;
const SLOW: Fault = Fault::Slow;

#[test]
fn skip_and_times_select_the_requests() {
    let mut second = injected(&[(LOCKED, 1, Some(1))]);
    assert_eq!(hits(&mut second, 3), [None, Some(LOCKED), None]);
    assert!(second.active().is_empty());
    let mut twice = injected(&[(LOCKED, 0, Some(2))]);
    assert_eq!(hits(&mut twice, 3), [Some(LOCKED), Some(LOCKED), None]);
    let mut never = injected(&[(LOCKED, 0, Some(0))]);
    assert_eq!(hits(&mut never, 1), [None]);
}

#[test]
fn without_times_a_fault_stays_until_cleared() {
    let mut locked = injected(&[(LOCKED, 1, None)]);
    assert_eq!(hits(&mut locked, 3), [None, Some(LOCKED), Some(LOCKED)]);
    locked.clear();
    assert_eq!(hits(&mut locked, 1), [None]);
}

#[test]
fn injections_are_counted_separately_and_the_older_hits_first() {
    let mut apart = injected(&[(LOCKED, 0, Some(1)), (SLOW, 1, Some(1))]);
    assert_eq!(hits(&mut apart, 3), [Some(LOCKED), Some(SLOW), None]);
    let mut together = injected(&[(LOCKED, 0, Some(1)), (SLOW, 0, Some(1))]);
    assert_eq!(hits(&mut together, 3), [Some(LOCKED), Some(SLOW), None]);
}

#[test]
fn every_fault_has_its_own_name_and_a_description() {
    for (index, fault) in Fault::ALL.iter().enumerate() {
        assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        assert!(fault.description().ends_with('.'), "{fault:?}");
        assert!(Fault::ALL[..index].iter().all(|other| other.name() != fault.name()));
    }
}
