//! The release binaries as real processes: merchants in a rush, a database that loses replies, processes that are
//! killed at random, and at the end every coin accounted for. See `CONTRIBUTING.md` for how it is run.

mod books;
mod merchants;
mod trouble;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::settings::environment;
use operate::audit::audit;

use crate::flaky_dynamodb::FlakyDynamoDb;
use crate::harness::{Potret, Setup};
use books::Books;

/// How long everybody comes at once.
const RUSH: Duration = Duration::from_secs(30);

/// The time of a function. Short, because the test waits until every lease has passed, which is a minute longer.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(8);

const FAL_LATENCY: Duration = Duration::from_millis(150);

/// The binaries of a release build, unless others are named.
fn binaries() -> PathBuf {
    crate::harness::binaries_of_the_environment()
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("release"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the functions' release binaries and two minutes; .ci/run has both"]
#[expect(clippy::print_stdout, reason = "seed and figures are for whoever runs it")]
async fn real_processes_that_die_and_lose_replies_lose_no_coin_and_spend_none_twice() {
    let seed =
        environment("POTRET_SEED").map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    println!("seed {seed}: POTRET_SEED={seed} draws the same troubles again, though not at the same moments");
    let behind = Potret::start().await;
    let dynamodb = FlakyDynamoDb::before(behind.stack.dynamodb.endpoint()).await;
    let setup = Setup::default().setting("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint.as_str());
    let setup = setup.binaries(binaries()).fal_takes(FAL_LATENCY).function_timeout(FUNCTION_TIMEOUT);
    let potret = setup.start().await;
    let books = Books::default();

    let (_, trouble) = tokio::join!(
        merchants::rush(&potret, &books, seed, Instant::now() + RUSH),
        trouble::make(&potret, &dynamodb, seed, Instant::now() + RUSH),
    );
    potret.stack.lambda.drain(FUNCTION_TIMEOUT * 2).await;
    potret.fal().set_latency(Duration::ZERO);
    merchants::wait_until_all_leases_have_passed(&potret).await;
    let mut violations = merchants::come_again(&potret, &books).await;
    violations.extend(books.check(&potret).await);
    for (figure, number) in books.figures().into_iter().chain(trouble).chain(dynamodb.troubles()) {
        println!("{number:>6}  {figure}");
    }
    let report = audit(&potret.stack.dynamodb.dynamodb(), &potret.tables()).await.expect("readable tables");
    violations.extend(report.violations.into_values().flatten());
    assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    potret.stack.stop().await.expect("a clean stop");
}
