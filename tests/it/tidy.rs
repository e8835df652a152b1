//! House rules, each a test: promises of the documents that no compiler checks.

mod alarms;
mod code;
mod documents;
mod events;
mod floors;
mod openapi;
mod tables;
pub mod template;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One file of the repository.
struct File {
    /// From the root, with slashes.
    path: String,
    text: String,
}

/// Every file that `.gitignore` does not name.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ignored = fs::read_to_string(root.join(".gitignore")).expect(".gitignore");
    let mut files = Vec::new();
    collect(&root, "", &Vec::from_iter(ignored.lines()), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn rust_files() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// The text of one file.
fn file(path: &str) -> String {
    let file = files().into_iter().find(|file| file.path == path);
    file.unwrap_or_else(|| panic!("{path} is missing")).text
}

fn collect(folder: &Path, prefix: &str, ignored: &[&str], files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("an entry");
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path == ".git" || is_ignored(&path, ignored) {
            continue;
        }
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), ignored, files);
        } else {
            let bytes = fs::read(entry.path()).expect("a readable file");
            files.push(File { path, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
}

/// Knows the two forms of `.gitignore` lines in this repository: `/at-the-root` and `*.suffix`.
fn is_ignored(path: &str, ignored: &[&str]) -> bool {
    ignored.iter().any(|line| match (line.strip_prefix('/'), line.strip_prefix('*')) {
        (Some(name), _) => path == name.trim_end_matches('/'),
        (_, Some(suffix)) => path.ends_with(suffix),
        _ if line.is_empty() || line.starts_with('#') => false,
        _ => panic!(".gitignore: write {line:?} as /at-the-root or *.suffix, or extend tidy.rs"),
    })
}

/// Every line for which `is_breach` is true, as `path:line: text`.
fn lines<'f>(files: impl IntoIterator<Item = &'f File>, is_breach: impl Fn(&str) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    for File { path, text } in files {
        let breaking = text.lines().enumerate().filter(|(_, line)| is_breach(line));
        breaches.extend(breaking.map(|(index, line)| format!("{path}:{}: {}", index + 1, line.trim())));
    }
    breaches
}

/// The names that are in one of two places only, as messages.
pub fn differences(
    here: &str,
    names: impl IntoIterator<Item = String>,
    there: &str,
    others: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let (names, others): (BTreeSet<_>, BTreeSet<_>) =
        (names.into_iter().collect(), others.into_iter().collect());
    let only_here = names.difference(&others).map(|name| format!("{name} is only in {here}"));
    let only_there = others.difference(&names).map(|name| format!("{name} is only in {there}"));
    only_here.chain(only_there).collect()
}

/// Fails if there are breaches. `remedy` says how to repair one.
#[track_caller]
pub fn refuse(breaches: &[String], remedy: &str) {
    assert!(breaches.is_empty(), "{remedy}\n  {}", breaches.join("\n  "));
}
