//! Rules about the code: where a name may appear, and the length and the name of a file.

use super::{File, files, lines, refuse, rust_files};

/// The adapters, which alone may name the AWS SDK. A folder ends with `/`.
const ADAPTERS: [&str; 6] = [
    "common/src/aws.rs",
    "common/src/generations.rs",
    "common/src/ledger.rs",
    "common/src/ledger/",
    "common/src/net.rs",
    "common/src/s3.rs",
];

const SDK_CRATES: [&str; 4] = ["aws_sdk_", "aws_types", "aws_smithy_", "rusty_s3"];

/// A longer file holds several nouns.
const MAX_LINES: usize = 400;

/// A `main.rs` of a function only connects settings, clients and handler.
const MAX_LINES_OF_A_MAIN: usize = 40;

/// Names that do not say what is inside.
const BANNED_NAMES: [&str; 7] = ["util", "utils", "helper", "helpers", "misc", "prelude", "common"];

/// The folders of users. A path below one of them exists on one machine only.
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
    let breaches = lines(others, |line| has_any(line, &SDK_CRATES));
    refuse(&breaches, "use an adapter of common (ADAPTERS in tests/it/tidy/code.rs), not the AWS SDK:");
}

#[test]
fn every_adapter_in_the_list_uses_the_sdk() {
    let files = rust_files();
    let mut unused = ADAPTERS.map(str::to_owned).to_vec();
    unused.retain(|adapter| {
        !files.iter().any(|file| file.path.starts_with(adapter) && has_any(&file.text, &SDK_CRATES))
    });
    refuse(&unused, "remove these from ADAPTERS in tests/it/tidy/code.rs:");
}

#[test]
fn no_rust_file_is_too_long() {
    let mut breaches = Vec::new();
    for File { path, text } in rust_files() {
        let is_main = path.starts_with("functions/") && path.ends_with("/main.rs");
        let max = if is_main { MAX_LINES_OF_A_MAIN } else { MAX_LINES };
        let length = text.lines().count();
        if length > max {
            breaches.push(format!("{path}: {length} lines, at most {max}"));
        }
    }
    refuse(&breaches, "split the file by its nouns, and move the logic of a main.rs into lib.rs:");
}

#[test]
fn every_file_folder_and_module_has_a_name_that_says_what_is_inside() {
    let files = rust_files();
    let inline = |line: &str| {
        let name = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let name = name.strip_prefix("mod ").map(|name| name.trim_end_matches([';', '{', ' ']));
        name.is_some_and(|name| BANNED_NAMES.contains(&name))
    };
    let mut breaches = lines(&files, inline);
    for File { path, .. } in &files {
        // The crate `common` at the root is the one folder that may have this name.
        let inside = path.strip_prefix("common/").unwrap_or(path).trim_end_matches(".rs");
        if inside.split('/').any(|name| BANNED_NAMES.contains(&name)) {
            breaches.push(path.clone());
        }
    }
    refuse(&breaches, "use the noun that is inside as the name:");
}

#[test]
fn every_rust_file_begins_with_its_purpose() {
    let files = rust_files().into_iter().filter(|file| !file.text.starts_with("//! "));
    let breaches: Vec<_> = files.map(|file| file.path).collect();
    refuse(&breaches, "begin the file with a line `//! The purpose.`:");
}

#[test]
fn every_package_has_the_lints_of_the_workspace() {
    let manifests = files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let without = manifests.filter(|file| !file.text.contains("[lints]\nworkspace = true\n"));
    let breaches: Vec<_> = without.map(|file| file.path).collect();
    refuse(&breaches, "add `[lints]` with `workspace = true`:");
}

/// The clients of HTTP, S3 and fal may name statuses too: those of the responses that they receive.
#[test]
fn only_the_api_module_chooses_the_status_of_a_response() {
    let files = rust_files();
    let is_client = |file: &&File| {
        ["common/src/fal/", "common/src/net", "common/src/s3.rs"]
            .iter()
            .any(|client| file.path.starts_with(client))
    };
    let (clients, others): (Vec<_>, Vec<_>) = files.iter().filter(is_deployed).partition(is_client);
    let others = others.into_iter().filter(|file| !file.path.starts_with("common/src/api"));
    let sets_a_status = |line: &str| line.split(".status(").skip(1).any(|rest| !rest.starts_with(')'));
    let mut breaches = lines(others, |line| line.contains("StatusCode") || sets_a_status(line));
    breaches.extend(lines(clients, |line| line.contains("lambda_http")));
    refuse(&breaches, "return a common::api::Problem with a Code, whose table has the status:");
}

#[test]
fn no_file_has_a_path_of_one_machine() {
    let is_home = |line: &str| HOMES.iter().any(|home| line.contains(&format!("/{home}/")));
    let breaches = lines(&files(), |line| is_home(line) || line.contains("C:\\Users"));
    refuse(&breaches, "write the path from the root of the repository:");
}
