//! The functions as `sam build` made them, under AWS's Runtime Interface Emulator: what a timeout and a panic do to a
//! real instance. See `CONTRIBUTING.md` for how these are run; the fixtures run there in the same way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_double::lambda::{Bootstrap, Function, LocalLambda, emulated};
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::harness::{self, Potret, Setup, a_prompt};

/// Short, because the test waits until the lease has passed, which is a minute longer.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(4);

/// The processes of one function of one stack, found by its binary and by the database that it was told of.
fn processes(potret: &Potret, function: &str) -> Vec<u32> {
    let database = potret.stack.dynamodb.endpoint().as_str();
    let is_one = |process: &PathBuf| {
        let binary = fs::read_link(process.join("exe")).unwrap_or_default();
        let is_bootstrap = binary.ends_with(Path::new(function).join("bootstrap"));
        let told = fs::read(process.join("environ")).unwrap_or_default();
        is_bootstrap && String::from_utf8_lossy(&told).contains(database)
    };
    let all = fs::read_dir("/proc").expect("a Linux").map(|entry| entry.expect("an entry").path());
    all.filter(is_one).filter_map(|process| process.file_name()?.to_str()?.parse().ok()).collect()
}

async fn until(is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
#[ignore = "needs what sam build makes, and AWS's emulator; .ci/run has both"]
async fn a_batch_that_is_killed_at_the_timeout_gives_its_coin_back_to_the_next_one() {
    let setup = Setup::default().function_timeout(FUNCTION_TIMEOUT).fal_takes(Duration::from_secs(60));
    let potret = setup.start().await;
    let merchant = potret.user_with("merchant", 1).await;

    let freeze = async {
        until(async || potret.fal().requests().len() == 2).await;
        let instances = processes(&potret, "GenerateImage");
        let [instance] = instances[..] else { panic!("one instance expected: {instances:?}") };
        let stopped = Command::new("kill").args(["-STOP", &instance.to_string()]).status();
        assert!(stopped.expect("kill").success());
        instance
    };
    let prompt = a_prompt();
    let (answer, frozen) = tokio::join!(merchant.generate(&prompt), freeze);
    // What API Gateway makes of a function that fails.
    assert_eq!((answer.status, answer.text.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
    assert!(!processes(&potret, "GenerateImage").contains(&frozen), "killed");
    assert_eq!(merchant.coins().await, (1, 0), "the hold is left");

    until(async || merchant.coins().await == (1, 1)).await;
    potret.fal().set_latency(Duration::ZERO);
    let answer = merchant.generate(&a_prompt()).await;
    assert_eq!((answer.status, &answer.body["remaining_coins"]), (200, &json!(0)), "{}", answer.body);
    potret.audit().await;
}

#[tokio::test]
#[ignore = "needs what cargo lambda makes of tests/panics.rs, and AWS's emulator; .ci/run has both"]
async fn a_panic_is_an_error_of_its_request_and_the_instance_lives_on() {
    let file = harness::path_of_the_environment("POTRET_PANICS").expect("POTRET_PANICS: where the binary is");
    let lambda = LocalLambda::new([panicking(file)]);
    let first = lambda_answer(&lambda, "nowhere").await;
    assert_eq!(first["statusCode"], 200, "{first}");

    let problem = lambda_answer(&lambda, "in the handler").await;
    assert_eq!(problem["statusCode"], 500, "{problem}");
    assert!(problem["body"].as_str().expect("a body").contains("internal_error"), "{problem}");
    let error = invoke(&lambda, "before the handler").await.expect_err("an error");
    assert!(error.contains("as the request asks"), "{error}");

    assert_eq!(lambda_answer(&lambda, "nowhere").await["body"], first["body"], "the same process");
}

fn panicking(file: PathBuf) -> Function {
    let emulator = harness::emulator().expect("POTRET_EMULATOR: where AWS's emulator is");
    let (function, timeout) = ("panics".to_owned(), FUNCTION_TIMEOUT);
    let bootstrap = Bootstrap { function, file, memory_mb: 128, timeout, environment: Default::default() };
    emulated(&emulator, bootstrap)
}

async fn lambda_answer(lambda: &LocalLambda, panic: &str) -> Value {
    invoke(lambda, panic).await.expect("an answer")
}

async fn invoke(lambda: &LocalLambda, panic: &str) -> Result<Value, String> {
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "", "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/"}, "stage": "$default", "timeEpoch": 0},
        "body": json!({"panic": panic}).to_string(), "isBase64Encoded": false,
    });
    let invocation = lambda.invoke("panics", Bytes::from(event.to_string())).await.expect("a function");
    match invocation.outcome {
        Ok(answer) => Ok(serde_json::from_slice(&answer).expect("JSON")),
        Err(error) => Err(error.error_message),
    }
}
