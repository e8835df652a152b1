//! Rules about the code: what may be named where, and how long and how called a file may be.

use super::{File, files, lines, refuse, rust_files};

/// Holds the forbidden words itself.
const THIS_FILE: &str = "tests/it/tidy/code.rs";

/// Where the AWS SDK may be named: the adapters, each beside the noun that it stores. A folder ends with `/`.
const ADAPTERS: [&str; 6] = [
    "common/src/aws.rs",
    "common/src/coins/",
    "common/src/generations.rs",
    "common/src/net.rs",
    "common/src/net/",
    "common/src/uploads.rs",
];

const SDK_CRATES: [&str; 3] = ["aws_sdk_", "aws_types", "aws_smithy_"];

/// The one module that reads the environment.
const CONFIGURATION: &str = "common/src/config.rs";

/// What of the environment is no setting: the system's folder, and where Cargo lets a build script write.
const NO_SETTINGS: [&str; 2] = ["std::env::temp_dir()", "std::env::var(\"OUT_DIR\")"];

const MOST_LINES: usize = 400;

/// A `main.rs` of a function wires and does nothing else.
const MOST_LINES_OF_A_MAIN: usize = 40;

/// Names that say nothing of what is inside.
const BANNED_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "misc", "prelude", "common"];

const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

const UNSAFE: [&str; 6] =
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern", "#[unsafe("];

/// Where people have their own folders. A path that begins there exists on somebody's machine only.
const HOMES: [&str; 3] = ["root", "home", "Users"];

fn is_deployed(file: &&File) -> bool {
    file.path.starts_with("common/src/") || file.path.starts_with("functions/")
}

fn has_any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

#[test]
fn the_aws_sdk_is_named_in_the_adapters_only() {
    let files = rust_files();
    let is_adapter = |path: &str| ADAPTERS.iter().any(|adapter| path.starts_with(adapter));
    let others = files.iter().filter(is_deployed).filter(|file| !is_adapter(&file.path));
    refuse(
        &lines(others, |line| has_any(line, &SDK_CRATES)),
        "go through an adapter of common (ADAPTERS in tests/it/tidy/code.rs), not through the AWS SDK:",
    );
}

#[test]
fn no_function_depends_on_the_aws_sdk() {
    let files = files();
    let manifests = files.iter().filter(|file| file.path.starts_with("functions/"));
    let manifests = manifests.filter(|file| file.path.ends_with("/Cargo.toml"));
    refuse(
        &lines(manifests, |line| line.trim_start().starts_with("aws-")),
        "take the dependency out and use common's adapters:",
    );
}

#[test]
fn every_adapter_in_the_list_uses_the_sdk() {
    let files = rust_files();
    let is_used = |adapter: &&&str| {
        let mut adapters = files.iter().filter(|file| file.path.starts_with(**adapter));
        adapters.any(|file| has_any(&file.text, &SDK_CRATES))
    };
    let unused: Vec<_> =
        ADAPTERS.iter().filter(|adapter| !is_used(adapter)).map(|a| (*a).to_owned()).collect();
    refuse(&unused, "take these out of ADAPTERS in tests/it/tidy/code.rs:");
}

#[test]
fn the_environment_is_read_in_the_configuration_only() {
    let files = rust_files();
    let others = files.iter().filter(|file| ![CONFIGURATION, THIS_FILE].contains(&file.path.as_str()));
    let breaches = lines(others, |line| {
        (line.contains("env::var") || line.contains("std::env")) && !has_any(line, &NO_SETTINGS)
    });
    refuse(&breaches, "read settings through common::config, which hands them on as arguments:");
}

#[test]
fn no_main_of_a_function_is_longer_than_40_lines() {
    let mut breaches = Vec::new();
    for File { path, text } in rust_files() {
        let length = text.lines().count();
        if path.starts_with("functions/") && path.ends_with("/main.rs") && length > MOST_LINES_OF_A_MAIN {
            breaches.push(format!("{path}: {length} lines"));
        }
    }
    refuse(&breaches, "move what is not wiring into the function's lib.rs:");
}

#[test]
fn no_rust_file_is_longer_than_400_lines() {
    let files = rust_files().into_iter().map(|file| (file.path, file.text.lines().count()));
    let long = files.filter(|(_, length)| *length > MOST_LINES);
    let long: Vec<_> = long.map(|(path, length)| format!("{path}: {length} lines")).collect();
    refuse(&long, "split the file by its nouns:");
}

#[test]
fn no_file_folder_or_module_has_an_empty_name() {
    let files = rust_files();
    let inline = |line: &str| {
        let name = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let name = name.strip_prefix("mod ").map(|name| name.trim_end_matches([';', '{', ' ']));
        name.is_some_and(|name| BANNED_NAMES.contains(&name))
    };
    let mut breaches = lines(&files, inline);
    for File { path, .. } in &files {
        // The crate `common` is a folder at the root, and the one thing that may have this name.
        let inside = path.strip_prefix("common/").unwrap_or(path).trim_end_matches(".rs");
        if inside.split('/').any(|name| BANNED_NAMES.contains(&name)) {
            breaches.push(path.clone());
        }
    }
    refuse(&breaches, "name it after the noun that it holds:");
}

#[test]
fn every_rust_file_opens_with_what_it_is_for() {
    let files = rust_files().into_iter().filter(|file| !file.text.starts_with("//! "));
    let silent: Vec<_> = files.map(|file| file.path).collect();
    refuse(&silent, "begin the file with a line `//! What it is for.`:");
}

#[test]
fn nothing_is_left_unfinished() {
    let files = rust_files();
    let others = files.iter().filter(|file| file.path != THIS_FILE);
    refuse(&lines(others, |line| has_any(line, &UNFINISHED)), "finish it, or take it out:");
}

#[test]
fn no_code_is_unsafe() {
    let files = rust_files();
    let others = files.iter().filter(|file| file.path != THIS_FILE);
    refuse(&lines(others, |line| has_any(line, &UNSAFE)), "find a safe way; there is one:");
}

#[test]
fn every_package_has_the_lints_of_the_workspace() {
    let manifests = files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let without = manifests.filter(|file| !file.text.contains("[lints]\nworkspace = true\n"));
    let without: Vec<_> = without.map(|file| file.path).collect();
    refuse(&without, "add `[lints]` with `workspace = true`:");
}

/// The HTTP client and fal's read the statuses of others' answers, so they may name them; they make none of ours.
#[test]
fn the_statuses_of_our_answers_are_known_in_the_api_module_only() {
    let files = rust_files();
    let reads_others =
        |file: &&File| file.path.starts_with("common/src/fal/") || file.path == "common/src/net.rs";
    let (clients, others): (Vec<_>, Vec<_>) = files.iter().filter(is_deployed).partition(reads_others);
    let others = others.into_iter().filter(|file| !file.path.starts_with("common/src/api"));
    let sets_a_status = |line: &str| line.split(".status(").skip(1).any(|rest| !rest.starts_with(')'));
    let mut breaches = lines(others, |line| line.contains("StatusCode") || sets_a_status(line));
    breaches.extend(lines(clients, |line| line.contains("lambda_http")));
    refuse(&breaches, "answer a common::api::Problem with a Code; its table has the status:");
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    let files = files();
    let others = files.iter().filter(|file| file.path != THIS_FILE);
    let is_home = |line: &str| HOMES.iter().any(|home| line.contains(&format!("/{home}/")));
    refuse(
        &lines(others, |line| is_home(line) || line.contains("C:\\Users")),
        "name it from the root of the repository:",
    );
}
