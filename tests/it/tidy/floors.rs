//! Rules about what depends on what: the floors of `common`, and the packages that are deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::{File, refuse, rust_files};

/// The modules of `common`, from the roof to the ground. A module uses modules on lower floors, or on its
/// own.
const FLOORS: [&[&str]; 6] = [
    &["api", "batches", "events"],
    &["ledger", "uploads"],
    &["fal", "function", "generations", "issuer"],
    &["secrets"],
    &["aws", "invocation", "logs", "prompt", "tables"],
    &[
        "coins",
        "idempotency",
        "identity",
        "ids",
        "key_set",
        "metrics",
        "net",
        "photos",
        "redaction",
        "s3",
        "settings",
        "timestamps",
        "validation",
    ],
];

/// One module of `common` names another.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    /// `path:line`
    place: String,
}

/// Every arrow between the top modules of `common`.
fn arrows(files: &[File]) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for file in files {
        let Some(path) = file.path.strip_prefix("common/src/").filter(|path| *path != "lib.rs") else {
            continue;
        };
        let path: Vec<_> = path.trim_end_matches(".rs").split('/').filter(|name| *name != "mod").collect();
        // The indentation of each `mod name {` around the line.
        let mut inline = Vec::new();
        for (index, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default().trim_end();
            let indentation = code.len() - code.trim_start().len();
            if code.trim_start() == "}" && inline.last() == Some(&indentation) {
                inline.pop();
            }
            for to in named_in(code, path.len() + inline.len()) {
                let place = format!("{}:{}", file.path, index + 1);
                arrows.push(Arrow { from: path[0].to_owned(), to, place });
            }
            if code.ends_with('{') && code.split_whitespace().any(|word| word == "mod") {
                inline.push(indentation);
            }
        }
    }
    arrows.retain(|arrow| arrow.from != arrow.to);
    arrows
}

/// The top modules that a line names, through `crate::` or, `depth` modules below the root, through
/// `super::`.
fn named_in(code: &str, depth: usize) -> Vec<String> {
    let mut named = Vec::new();
    for root in ["crate::", &"super::".repeat(depth)] {
        for (start, _) in code.match_indices(root) {
            let (before, path) = (&code[..start], &code[start + root.len()..]);
            if before.ends_with(|char: char| char.is_alphanumeric() || char == '_') {
                continue;
            }
            let end = path.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(path.len());
            // A group has no floor, so it is refused: `arrows` would have to know where it ends.
            named.push(if path.starts_with('{') { "{…}".to_owned() } else { path[..end].to_owned() });
        }
    }
    named
}

/// Arrows that point up, or to a module without a floor.
fn upward(arrows: &[Arrow], floors: &[&[&str]]) -> Vec<String> {
    let floor = |name: &str| floors.iter().position(|modules| modules.contains(&name));
    let upward = arrows.iter().filter(|arrow| match (floor(&arrow.from), floor(&arrow.to)) {
        (Some(from), Some(to)) => to < from,
        _ => true,
    });
    upward.map(|Arrow { from, to, place }| format!("{place}: {from} uses {to}")).collect()
}

/// A circle of modules such as `a -> b -> a`, if there is one.
fn circle(arrows: &[Arrow]) -> Option<String> {
    let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Arrow { from, to, .. } in arrows {
        uses.entry(from).or_default().insert(to);
        uses.entry(to).or_default();
    }
    // A module that uses no other one is in no circle. Without it, the next one uses no other one, and so on.
    while let Some(leaf) = uses.iter().find(|(_, used)| used.is_empty()).map(|(name, _)| *name) {
        uses.remove(leaf);
        for used in uses.values_mut() {
            used.remove(leaf);
        }
    }
    let mut walk = vec![*uses.keys().next()?];
    loop {
        let next = *uses[walk.last()?].first()?;
        if let Some(start) = walk.iter().position(|name| *name == next) {
            return Some([&walk[start..], &[next]].concat().join(" -> "));
        }
        walk.push(next);
    }
}

#[test]
fn every_module_of_common_uses_lower_floors_and_there_is_no_circle() {
    let files = rust_files();
    let arrows = arrows(&files);
    assert!(arrows.len() > 50, "only {} arrows were found in common/src", arrows.len());
    let mut breaches = upward(&arrows, &FLOORS);
    breaches.extend(circle(&arrows));
    refuse(
        &breaches,
        "move the used item to a lower floor, and name each module in a `use crate::` of its own:",
    );

    let modules = files.iter().filter_map(|file| file.path.strip_prefix("common/src/")?.split('/').next());
    let modules: BTreeSet<_> = modules.map(|name| name.trim_end_matches(".rs")).collect();
    assert_eq!(modules, FLOORS.concat().into_iter().chain(["lib"]).collect(), "common/src, FLOORS");
}

#[test]
fn an_upward_arrow_and_a_circle_are_found() {
    let file =
        |path: &str, lines: &[&str]| File { path: format!("common/src/{path}"), text: lines.join("\n") };
    let files = [
        file("lib.rs", &["pub mod low;", "use crate::low::A;"]),
        file("low.rs", &["use crate::high::B;", "mod tests {", "    use super::high::C;", "}", "fn f() {}"]),
        file("high/mod.rs", &["// crate::top", "mod inner {", "    use super::super::low::D;", "}"]),
        file("high/deep.rs", &["use super::inner;", "fn f() {", "    super::super::top::g(mycrate::top::H)"]),
        file("top.rs", &["use crate::{low, high};"]),
    ];
    let arrows = arrows(&files);
    let shown: Vec<_> = arrows.iter().map(|arrow| format!("{} {}", arrow.place, arrow.to)).collect();
    let expected = ["low.rs:1 high", "high/mod.rs:3 low", "high/deep.rs:3 top", "top.rs:1 {…}"];
    assert_eq!(shown, expected.map(|arrow| format!("common/src/{arrow}")));

    let expected = ["low.rs:1: low uses high", "top.rs:1: top uses {…}"];
    assert_eq!(
        upward(&arrows, &[&["top", "high"], &["low"]]),
        expected.map(|arrow| format!("common/src/{arrow}"))
    );
    assert_eq!(circle(&arrows).as_deref(), Some("high -> low -> high"));
    assert_eq!(circle(&arrows[1..]), None);
}

#[test]
fn deployed_packages_depend_on_common_only_and_functions_not_on_the_aws_sdk() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version=1"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let root = metadata["workspace_root"].as_str().expect("a path");
    let in_repository =
        |path: &Value| path.as_str().and_then(|path| path.strip_prefix(root)).map(str::to_owned);
    let (mut breaches, mut deployed) = (Vec::new(), 0);
    for package in metadata["packages"].as_array().expect("packages") {
        let manifest = in_repository(&package["manifest_path"]).expect("a package of this repository");
        let is_function = manifest.starts_with("/functions/");
        if !is_function && !manifest.starts_with("/common/") {
            continue;
        }
        deployed += 1;
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name");
            let is_ours = in_repository(&dependency["path"]).is_some();
            if (is_ours && name != "common") || (is_function && name.starts_with("aws-")) {
                breaches.push(format!("{manifest} depends on {name}"));
            }
        }
    }
    refuse(&breaches, "move the shared part to common, and use common's adapters of the AWS SDK:");
    assert!(deployed > 5, "only {deployed} packages are deployed");
}
