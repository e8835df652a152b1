//! The functions as `sam build` makes them, under AWS's Runtime Interface Emulator: how a real instance behaves
//! at a timeout and after a panic. `CONTRIBUTING.md` says how to run these tests; the fixtures run there as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_double::lambda::{Bootstrap, Function, LocalLambda, emulated};
use axum::body::Bytes;
use kit::events::HttpApiEvent;
use serde_json::{Value, json};

use crate::harness::{self, A_PROMPT, Potret, Setup};

/// Short, because the test waits for the end of the lease, which is a minute longer.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(4);

/// The processes of one function of one stack, found by their binary and by the database in their
/// environment.
fn processes(potret: &Potret, function: &str) -> Vec<u32> {
    let database = potret.stack.dynamodb.endpoint().as_str();
    let is_one = |process: &PathBuf| {
        let binary = fs::read_link(process.join("exe")).unwrap_or_default();
        let is_bootstrap = binary.ends_with(Path::new(function).join("bootstrap"));
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        is_bootstrap && String::from_utf8_lossy(&environment).contains(database)
    };
    let all = fs::read_dir("/proc").expect("Linux").map(|entry| entry.expect("an entry").path());
    all.filter(is_one).filter_map(|process| process.file_name()?.to_str()?.parse().ok()).collect()
}

#[tokio::test]
#[ignore = "needs the output of sam build, and AWS's emulator; .ci/run has both"]
async fn the_coin_of_a_batch_that_is_killed_at_the_timeout_pays_for_the_next_batch() {
    let setup = Setup::default().function_timeout(FUNCTION_TIMEOUT).fal_takes(Duration::from_secs(60));
    let (potret, merchant) = setup.with_merchant(1).await;

    let freeze = async {
        potret.fal_receives(2).await;
        let instances = processes(&potret, "GenerateImage");
        let [instance] = instances[..] else { panic!("one instance expected: {instances:?}") };
        let stopped = Command::new("kill").args(["-STOP", &instance.to_string()]).status();
        assert!(stopped.expect("kill").success());
        instance
    };
    let (response, frozen) = tokio::join!(merchant.generate(&A_PROMPT), freeze);
    // The response of API Gateway for a function that fails.
    assert_eq!((response.status, response.text.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
    assert!(!processes(&potret, "GenerateImage").contains(&frozen), "killed");
    assert_eq!(merchant.coins().await, (1, 0), "the hold remains");

    while merchant.coins().await != (1, 1) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    potret.fal().set_latency(Duration::ZERO);
    let response = merchant.generate(&A_PROMPT).await;
    assert_eq!((response.status, &response.body["remaining_coins"]), (200, &json!(0)), "{}", response.body);
    potret.audit().await;
}

#[tokio::test]
#[ignore = "needs tests/panics built by cargo lambda, and AWS's emulator; .ci/run has both"]
async fn a_panic_fails_its_request_and_the_same_process_serves_the_next_one() {
    let file =
        harness::path_of_the_environment("POTRET_PANICS").expect("POTRET_PANICS: the path of the binary");
    let lambda = LocalLambda::new([panicking(file)]);
    let first = invoke(&lambda, "nowhere").await.expect("a response");
    assert_eq!(first["statusCode"], 200, "{first}");

    let problem = invoke(&lambda, "in the handler").await.expect("a response");
    assert_eq!(problem["statusCode"], 500, "{problem}");
    assert!(problem["body"].as_str().expect("a body").contains("internal_error"), "{problem}");
    let error = invoke(&lambda, "before the handler").await.expect_err("an error");
    assert!(error.contains("as the request asks"), "{error}");

    let second = invoke(&lambda, "nowhere").await.expect("a response");
    assert_eq!(second["body"], first["body"], "the process's id");
}

fn panicking(file: PathBuf) -> Function {
    let emulator = harness::emulator().expect("POTRET_EMULATOR: the path of AWS's emulator");
    let (function, timeout) = ("panics".to_owned(), FUNCTION_TIMEOUT);
    let bootstrap = Bootstrap { function, file, memory_mb: 128, timeout, environment: Default::default() };
    emulated(&emulator, bootstrap)
}

/// Invokes the function with a request that says where to panic.
async fn invoke(lambda: &LocalLambda, panic: &str) -> Result<Value, String> {
    let event = HttpApiEvent::new("POST", "/").body(json!({"panic": panic}).to_string()).into_json();
    let invocation = lambda.invoke("panics", Bytes::from(event.to_string())).await.expect("a function");
    match invocation.outcome {
        Ok(answer) => Ok(serde_json::from_slice(&answer).expect("JSON")),
        Err(error) => Err(error.error_message),
    }
}
