//! The command as a newcomer uses it: what it prints works.
#![allow(missing_docs, reason = "test names are facts")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn dev() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    // The environment of the machine must not change the tests.
    for name in [
        "FAL_KEY",
        "FAL_BASE_URL",
        "ALLOWED_ORIGINS",
        "PUBLIC_URL",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_S3",
        "LOG_LEVEL",
    ] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    dev().args(arguments).output().expect("it runs")
}

/// A stack as a process of its own, killed if the test fails.
struct Running {
    process: Child,
    printed: String,
}

impl Running {
    /// Starts it and reads what it prints until it is ready.
    fn start(arguments: &[&str]) -> Self {
        let mut command = dev();
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("it starts");
        let mut printed = String::new();
        for line in BufReader::new(process.stdout.take().expect("its output")).lines() {
            let line = line.expect("text");
            let last = line.contains("Ctrl-C");
            printed.push_str(&line);
            printed.push('\n');
            if last {
                break;
            }
        }
        Self { process, printed }
    }

    fn line(&self, beginning: &str) -> &str {
        self.printed.lines().find(|line| line.starts_with(beginning)).expect("a line")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
    }
}

#[tokio::test]
async fn the_printed_request_makes_two_pictures_for_a_coin_and_ctrl_c_stops() {
    let mut stack = tokio::task::spawn_blocking(|| Running::start(&[])).await.expect("a stack");
    assert!(stack.printed.contains("has 10 coins"), "{}", stack.printed);
    // curl -s URL -H 'name: value' -H 'name: value' -d 'body'
    let parts: Vec<_> = stack.line("curl").split('\'').collect();
    let [command, content_type, _, authorization, _, body, _] = parts[..] else { panic!("{parts:?}") };
    let url = command.split(' ').nth(2).expect("a URL");
    let http = aws_double::http_client();
    let mut request = http.post(url).body(body.to_owned());
    for header in [content_type, authorization] {
        let (name, value) = header.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    let body: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(body["remaining_coins"], 9, "{body}");
    for url in body["images"].as_array().expect("images") {
        let picture = http.get(url.as_str().expect("a URL")).send().await.expect("a picture");
        assert_eq!(picture.headers()["content-type"], "image/jpeg");
    }
    if cfg!(unix) {
        let pid = stack.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        assert!(stack.process.wait().expect("it ends").success(), "a graceful end");
    }
}

#[tokio::test]
async fn a_token_is_printed_for_a_valid_user_of_a_running_stack() {
    let stack = tokio::task::spawn_blocking(|| Running::start(&[])).await.expect("a stack");
    let url = stack.line("Potret is running at ").rsplit(' ').next().expect("a URL").to_owned();
    let token = run(&["token", "someone@example.com", "--url", &url]);
    let token = String::from_utf8(token.stdout).expect("text");
    let coins = aws_double::http_client().get(format!("{url}/api/coin-balance")).bearer_auth(token.trim());
    let coins: Value = coins.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(coins["user_id"], "someone@example.com", "{coins}");
    for (arguments, error) in [
        (["token", "", "--url", &url], "error: the user must be"),
        (
            ["token", "someone", "--url", "http://127.0.0.1:9"],
            "error: no stack runs at http://127.0.0.1:9/; start",
        ),
    ] {
        let refused = run(&arguments);
        assert!(!refused.status.success());
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(text.starts_with(error), "{text}");
    }
}

#[test]
fn a_real_fal_key_is_not_shared_unless_asked() {
    let refused =
        dev().args(["--listen", "0.0.0.0:0"]).env("FAL_KEY", "id:secret").output().expect("it runs");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    for part in ["costs money at fal", "it listens on 0.0.0.0:0", "--share-fal-key"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("id:secret"), "{text}");
}

#[test]
fn an_event_is_invoked_on_a_fresh_stack() {
    let event = std::env::temp_dir().join(format!("potret-event-{}.json", std::process::id()));
    std::fs::write(&event, r#"{"user_id":"u","coins":3,"reference":"r"}"#).expect("a file");
    let path = event.to_str().expect("a path");
    let invoked = run(&["invoke", "add-coins", path]);
    let response: Value = serde_json::from_slice(&invoked.stdout).expect("JSON");
    assert_eq!(response, serde_json::json!({"user_id": "u", "coins_balance": 3}));
    let unknown = run(&["invoke", "make-coffee", path]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("functions are add-coins, api-description"));
    assert!(!run(&["invoke", "add-coins", "no-such-file"]).status.success());
    std::fs::remove_file(event).expect("removed");
}

#[test]
fn a_missing_binary_is_named_with_the_command_that_builds_it() {
    let refused = run(&["--listen", "127.0.0.1:0", "--binaries", "no-such-folder"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    for part in ["no-such-folder/add-coins", "AddCoins", "cargo build --release -p add-coins"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn services_without_functions_print_the_environment_that_functions_need() {
    let stack = tokio::task::spawn_blocking(|| Running::start(&["--services"])).await.expect("a stack");
    let value = |name: &str| {
        let value = stack.line(&format!("export {name}=")).split('\'').nth(1);
        value.filter(|value| !value.is_empty()).expect("a value")
    };
    for name in ["PROFILES_TABLE", "UPLOADS_BUCKET", "FAL_KEY", "AWS_REGION", "AWS_ENDPOINT_URL_DYNAMODB"] {
        value(name);
    }
    let fal = value("FAL_BASE_URL");
    let http = aws_double::http_client();
    assert_eq!(http.get(format!("{fal}/_control")).send().await.expect("a response").status(), 200);
    let gateway = fal.replace("/_local/fal", "/api/prompt-options");
    assert_eq!(http.get(gateway).send().await.expect("a response").status(), 404, "functions run elsewhere");
}
