//! Which fault hits which request.

use crate::faults::{Fault, Injection, next};

#[test]
fn skip_and_times_select_the_requests() {
    const LOCKED: Fault = Fault::AccountLocked;
    const SLOW: Fault = Fault::Slow;
    let one = |fault, skip, times| Injection { fault, skip, times };
    let cases = [
        ("the second", vec![one(LOCKED, 1, Some(1))], [None, Some(LOCKED), None]),
        ("two", vec![one(LOCKED, 0, Some(2))], [Some(LOCKED), Some(LOCKED), None]),
        ("none", vec![one(LOCKED, 0, Some(0))], [None; 3]),
        ("all after the first", vec![one(LOCKED, 1, None)], [None, Some(LOCKED), Some(LOCKED)]),
        ("apart", vec![one(LOCKED, 0, Some(1)), one(SLOW, 1, Some(1))], [Some(LOCKED), Some(SLOW), None]),
        (
            "older first",
            vec![one(LOCKED, 0, Some(1)), one(SLOW, 0, Some(1))],
            [Some(LOCKED), Some(SLOW), None],
        ),
    ];
    for (case, mut active, hits) in cases {
        assert_eq!([next(&mut active), next(&mut active), next(&mut active)], hits, "{case}");
        assert_eq!(active.is_empty(), case != "all after the first", "{case}");
    }
}

#[test]
fn every_fault_has_its_own_name_and_a_description() {
    for (index, fault) in Fault::ALL.iter().enumerate() {
        assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        assert!(fault.description().ends_with('.'), "{fault:?}");
        assert!(Fault::ALL[..index].iter().all(|other| other.name() != fault.name()));
    }
}
