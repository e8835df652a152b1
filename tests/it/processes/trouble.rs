//! What goes wrong during the rush: the database, the picture maker, and the processes themselves.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fal_double::{Fault, Injection};
use fastrand::Rng;
use tokio::time::sleep;

use crate::flaky_dynamodb::FlakyDynamoDb;
use crate::harness::Potret;

/// One call of the database in so many is in trouble.
const ONE_CALL_IN: u32 = 8;

const LONGEST_PEACE_MS: u64 = 400;

/// Every way in which fal fails within a function's time, and some in which it succeeds.
const FAULTS: [Fault; 11] = [
    Fault::ConcurrencyLimit,
    Fault::ContentPolicyViolation,
    Fault::InternalErrorRetryable,
    Fault::InternalError,
    Fault::BadGateway,
    Fault::Unavailable,
    Fault::BlackPicture,
    Fault::QueuedWithUrls,
    Fault::Nonsense,
    Fault::SingleImage,
    Fault::ConnectionClosed,
];

/// Makes trouble until then, and answers how much.
pub async fn make(
    potret: &Potret,
    dynamodb: &FlakyDynamoDb,
    seed: u64,
    until: Instant,
) -> BTreeMap<String, u32> {
    let mut rng = Rng::with_seed(seed);
    dynamodb.fail_at_random(seed, ONE_CALL_IN);
    let mut figures = BTreeMap::new();
    while Instant::now() < until {
        sleep(Duration::from_millis(rng.u64(50..LONGEST_PEACE_MS))).await;
        if let Some(function) = potret.stack.processes.kill_one(rng.usize(..)) {
            *figures.entry(format!("processes of {function} killed")).or_default() += 1;
        }
        if rng.bool() {
            let fault = FAULTS[rng.usize(..FAULTS.len())];
            potret.fal().inject(Injection { fault, skip: rng.u32(..3), times: Some(1) });
            *figures.entry(format!("fal: {fault:?}")).or_default() += 1;
        }
    }
    dynamodb.recover();
    potret.fal().clear_faults();
    figures
}
