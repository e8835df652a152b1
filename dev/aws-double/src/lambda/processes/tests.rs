//! Functions as processes, with shell scripts in place of binaries.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use axum::body::Bytes;

use super::*;
use crate::lambda::{Function, LocalLambda};

const SCRIPTS: [(&str, &str); 4] = [
    ("waits", "exec sleep 60"),
    ("dies", "exit 3"),
    ("ends", "exit 0"),
    ("prints", "env > \"$0.environment\""),
];

/// The file of a script. All are written before the first one runs: a file that is open for writing cannot be
/// run.
fn script(name: &str) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for (name, line) in SCRIPTS {
            let file = folder.path().join(name);
            fs::write(&file, format!("#!/bin/sh\n{line}\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    });
    folder.path().join(name)
}

fn lambda(name: &str, timeout: Duration) -> (LocalLambda, Processes) {
    let processes = Processes::default();
    let handler = processes.handler(Bootstrap {
        function: "f".to_owned(),
        file: script(name),
        memory_mb: 128,
        timeout,
        environment: BTreeMap::from([("PROFILES_TABLE".to_owned(), "profiles".to_owned())]),
    });
    (LocalLambda::new([Function { name: "f".to_owned(), timeout, handler }]), processes)
}

async fn failure(lambda: &LocalLambda) -> FunctionError {
    lambda.invoke("f", Bytes::new()).await.unwrap().outcome.unwrap_err()
}

async fn until_gone(processes: &Processes) {
    while processes.count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_process_that_ends_during_an_event_is_reported_as_on_lambda() {
    for (name, how) in [
        ("dies", "Runtime exited with error: exit status 3"),
        ("ends", "Runtime exited without providing a reason"),
    ] {
        let (lambda, processes) = lambda(name, LONG);
        let error = failure(&lambda).await;
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert!(error.error_message.ends_with(how), "{}", error.error_message);
        until_gone(&processes).await;
    }
}

#[tokio::test]
async fn a_process_is_killed_when_its_invocation_times_out() {
    let (lambda, processes) = lambda("waits", Duration::from_millis(200));
    assert_eq!(failure(&lambda).await.error_type, "Sandbox.Timedout");
    until_gone(&processes).await;
}

#[tokio::test]
async fn a_killed_process_fails_only_its_own_invocation() {
    let (lambda, processes) = lambda("waits", LONG);
    let first = lambda.start("f", b"{}").unwrap();
    let second = lambda.start("f", b"{}").unwrap();
    while processes.count() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(processes.kill_one(7).as_deref(), Some("f"));
    let (first, second) = (first.finished(), second.finished());
    let (killed, _) = futures::future::select(Box::pin(first), Box::pin(second)).await.factor_first();
    let error = killed.outcome.unwrap_err();
    assert_eq!(
        error.error_message,
        format!("RequestId: {} Error: Runtime exited with error: signal: killed", killed.request_id)
    );
    assert_eq!((lambda.in_flight(), processes.count()), (1, 1));
    processes.stop().await;
    assert_eq!((processes.count(), processes.kill_one(0)), (0, None));
}

#[tokio::test]
async fn a_process_has_the_environment_of_lambda_and_not_of_this_machine() {
    let (lambda, _processes) = lambda("prints", LONG);
    failure(&lambda).await;
    let environment = fs::read_to_string(script("prints.environment")).unwrap();
    // The shell adds some variables.
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    let mut variables: BTreeMap<_, _> =
        variables.filter(|(name, _)| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name)).collect();
    assert!(variables.remove("AWS_LAMBDA_RUNTIME_API").is_some());
    let of_lambda = runtime_api::environment("f", 128);
    let of_lambda = of_lambda.iter().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(variables, of_lambda.chain([("PROFILES_TABLE", "profiles")]).collect());
}

#[tokio::test]
async fn a_missing_binary_is_a_function_error() {
    let (lambda, _) = lambda("missing", LONG);
    let error = failure(&lambda).await;
    assert_eq!(error.error_type, "Runtime.InvalidEntrypoint");
    assert!(error.error_message.contains("missing"), "{}", error.error_message);
}
