//! The command as a newcomer meets it: what it prints works.
#![allow(missing_docs, reason = "test names are facts")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn dev() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    // What the machine happens to have set must not decide what is tested.
    for name in ["FAL_KEY", "FAL_BASE_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3", "LOG_LEVEL"] {
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
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(arguments: &[&str]) -> Self {
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

/// The parts of the printed line, as a shell would see them.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[tokio::test]
async fn the_printed_line_makes_two_pictures_for_a_coin_and_ctrl_c_stops() {
    let mut stack = tokio::task::spawn_blocking(Running::start).await.expect("a stack");
    assert!(stack.printed.contains("has 10 coins"), "{}", stack.printed);
    let words = words(stack.line("curl"));
    let [_, _, url, _, content_type, _, authorization, _, body] = words.as_slice() else {
        panic!("{words:?}")
    };
    let http = aws_double::http_client();
    let mut request = http.post(url).body(body.clone());
    for header in [content_type, authorization] {
        let (name, value) = header.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["remaining_coins"], 9, "{answer}");
    for url in answer["images"].as_array().expect("images") {
        let picture = http.get(url.as_str().expect("a URL")).send().await.expect("a picture");
        assert_eq!(picture.headers()["content-type"], "image/jpeg");
    }
    if cfg!(unix) {
        let pid = stack.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        assert!(stack.process.wait().expect("it ends").success(), "a graceful end");
    }
}

#[test]
fn a_token_is_printed_for_any_user_and_for_nothing_else() {
    let token = run(&["token", "someone@example.com"]);
    let text = String::from_utf8(token.stdout).expect("text");
    assert_eq!(text.trim().split('.').count(), 3, "{text}");
    let refused = run(&["token", ""]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("error: the user must be"));
}

#[test]
fn one_event_is_invoked_on_a_fresh_stack() {
    let event = std::env::temp_dir().join(format!("potret-event-{}.json", std::process::id()));
    std::fs::write(&event, r#"{"user_id":"u","coins":3,"reference":"r"}"#).expect("a file");
    let path = event.to_str().expect("a path");
    let invoked = run(&["invoke", "add-coins", path]);
    let answer: Value = serde_json::from_slice(&invoked.stdout).expect("JSON");
    assert_eq!(answer, serde_json::json!({"user_id": "u", "coins_balance": 3}));
    let unknown = run(&["invoke", "make-coffee", path]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("functions are add-coins, api-description"));
    assert!(!run(&["invoke", "add-coins", "no-such-file"]).status.success());
    std::fs::remove_file(event).expect("removed");
}

#[test]
fn binaries_that_are_not_there_are_named_with_the_command_that_builds_them() {
    let refused = run(&["--listen", "127.0.0.1:0", "--binaries", "no-such-folder"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(text.contains("no-such-folder") && text.contains("cargo build --release"), "{text}");
}

/// What `--services` prints is all that a function needs: its own settings are among it.
#[tokio::test]
async fn the_services_alone_print_the_environment_of_every_function() {
    let file = std::env::temp_dir().join(format!("env-vars-{}.json", std::process::id()));
    let path = file.to_str().expect("UTF-8").to_owned();
    let stack =
        tokio::task::spawn_blocking(move || Running::start_with(&["--services", "--env-vars", &path]));
    let stack = stack.await.expect("a stack");
    let variables: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
    for name in ["PROFILES_TABLE", "UPLOADS_BUCKET", "FAL_KEY", "AWS_REGION", "AWS_ENDPOINT_URL_DYNAMODB"] {
        let value = variables["Parameters"][name].as_str().expect("a value");
        assert_eq!(stack.line(&format!("export {name}=")), format!("export {name}='{value}'"));
    }
    let fal = variables["Parameters"]["FAL_BASE_URL"].as_str().expect("an address");
    let http = aws_double::http_client();
    assert_eq!(http.get(format!("{fal}/_control")).send().await.expect("an answer").status(), 200);
    let gateway = fal.replace("/_local/fal", "/api/prompt-options");
    assert_eq!(http.get(gateway).send().await.expect("an answer").status(), 404, "functions run elsewhere");
    std::fs::remove_file(file).expect("removed");
}

#[tokio::test]
async fn a_file_of_balances_is_imported_once_however_often_it_is_run() {
    let stack = empty_stack().await;
    let tables = tables(&stack);
    let file = std::env::temp_dir().join(format!("balances-{}.csv", std::process::id()));
    let lines =
        "user_id,name,coins_balance\nana,Ana,12\nbudi,Budi,0\ncitra,Citra,many\n,Nobody,5\ndewi,Dewi,3\n";
    std::fs::write(&file, lines).expect("a file");
    for _ in 0..2 {
        let mut command = on_tables_of(&stack, "import");
        command.arg(&file).args(["--profiles", tables.profiles.name(), "--ledger", tables.ledger.name()]);
        let output =
            tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            printed,
            "line 4: \"many\" is no number of coins\n\
             line 5: the event is not valid: /user_id must be 1 to 255 bytes of text without control characters\n\
             2 users credited, 1 without coins, 2 lines refused\n"
        );
        assert!(!output.status.success());
    }
    let ledger = common::ledger::Ledger::new(stack.dynamodb.dynamodb(), tables);
    for (user, coins) in [("ana", 12), ("budi", 0), ("dewi", 3)] {
        let user = common::identity::UserId::parse(user).expect("a user");
        let balance = ledger.balance(&user, jiff::Timestamp::now()).await.expect("a balance");
        assert_eq!(balance.settled.count(), coins);
    }
    std::fs::remove_file(file).expect("removed");
    stack.stop().await.expect("a stop");
}

async fn empty_stack() -> local_stack::stack::Stack {
    let stack = local_stack::stack::Stack::start(local_stack::stack::Options {
        name: "separate".to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: None,
        environment: Box::new(|_| None),
        fal_latency: None,
        function_timeout: None,
        functions: local_stack::binaries::Functions::InProcess,
    });
    stack.await.expect("a stack")
}

fn tables(stack: &local_stack::stack::Stack) -> common::tables::Tables {
    let functions = &stack.resources.functions;
    let generate = functions.iter().find(|spec| spec.name == "generate-image").expect("the function");
    let setting = |name: &str| generate.environment.get(name).cloned();
    common::settings::load(&setting, common::tables::Tables::load).expect("tables")
}

/// The command with the environment of somebody who may use the stack's tables.
fn on_tables_of(stack: &local_stack::stack::Stack, subcommand: &str) -> Command {
    let mut command = dev();
    command.arg(subcommand).env("AWS_ENDPOINT_URL_DYNAMODB", stack.dynamodb.endpoint().as_str());
    for (name, value) in [("REGION", "us-east-1"), ("ACCESS_KEY_ID", "id"), ("SECRET_ACCESS_KEY", "secret")] {
        command.env(format!("AWS_{name}"), value);
    }
    command
}

#[tokio::test]
async fn an_audit_names_every_user_whose_coins_are_not_in_order() {
    let stack = empty_stack().await;
    local_stack::demo::prepare(&stack).await.expect("users");
    let tables = tables(&stack);
    let audit = || {
        let mut command = on_tables_of(&stack, "audit");
        command.args(["--profiles", tables.profiles.name(), "--generations", tables.generations.name()]);
        command.args(["--ledger", tables.ledger.name()]);
        tokio::task::spawn_blocking(move || command.output().expect("it runs"))
    };
    let output = audit().await.expect("no panic");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 users audited, 0 with violations\n");
    assert!(output.status.success());

    let client = stack.dynamodb.dynamodb();
    let attribute = aws_sdk_dynamodb::types::AttributeValue::S;
    let key = attribute("demo".to_owned());
    let steal = client.update_item().table_name(tables.profiles.name()).key("user_id", key);
    let steal = steal.update_expression("SET coins_available = :n");
    let coins = aws_sdk_dynamodb::types::AttributeValue::N("11".to_owned());
    steal.expression_attribute_values(":n", coins).send().await.expect("an update");
    let output = audit().await.expect("no panic");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("demo: 11 coins are available of a balance of 10"), "{printed}");
    assert!(printed.contains("2 users audited, 1 with violations"), "{printed}");
    assert!(!output.status.success());
    stack.stop().await.expect("a stop");
}
