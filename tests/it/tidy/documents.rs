//! Rules about the documents: they name everything that a user can call, set or receive, and their links lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::template::{resources, settings, template};
use super::{File, file, files, refuse};
use crate::description::DESCRIPTION;

/// The README is a front page. What does not fit goes to `docs/`.
const MOST_LINES_OF_THE_README: usize = 150;

/// The words of a text. `FAL_KEY` is not one of `FAL_KEY_PARAMETER`, nor `/api` one of `/api/coins`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|char: char| !char.is_alphanumeric() && !"_-/{}.".contains(char));
    // A full stop ends a sentence; within a word it is a part of it.
    words.map(|word| word.trim_end_matches('.'))
}

#[track_caller]
fn expect_words(document: &str, names: impl IntoIterator<Item = String>) {
    let text = file(document);
    let missing = names.into_iter().filter(|name| !words(&text).any(|word| word == name));
    refuse(&missing.collect::<Vec<_>>(), &format!("describe these in {document}:"));
}

#[test]
fn the_readme_is_a_front_page() {
    let length = file("README.md").lines().count();
    assert!(length <= MOST_LINES_OF_THE_README, "README.md has {length} lines; move something to docs/");
}

#[test]
fn every_setting_and_every_parameter_is_documented() {
    let parameters = template()["Parameters"].as_object().expect("parameters").clone();
    expect_words(
        "docs/deploy.md",
        settings().into_iter().chain(parameters.into_iter().map(|(name, _)| name)),
    );
}

#[test]
fn every_error_code_is_documented() {
    let codes = DESCRIPTION["components"]["schemas"]["Code"]["enum"].as_array().expect("codes");
    expect_words("docs/api.md", codes.iter().map(|code| code.as_str().expect("a name").to_owned()));
}

#[test]
fn every_route_is_documented_with_its_method() {
    for document in ["README.md", "docs/api.md"] {
        let (text, mut routes) = (file(document), resources().routes);
        routes.retain(|route| {
            let names = |line: &str, name: &String| words(line).any(|word| word == name);
            !text.lines().any(|line| names(line, &route.method) && names(line, &route.path))
        });
        let routes: Vec<_> = routes.into_iter().map(|route| route.route_key).collect();
        refuse(&routes, &format!("describe these routes in {document}, method and path in one line:"));
    }
}

/// The addresses of a Markdown text's links, and of its pictures.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// The anchors that GitHub gives to a Markdown text's headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |char: &char| char.is_alphanumeric() || "-_ ".contains(*char);
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.chars().filter(kept).collect::<String>().replace(' ', "-"))
        .collect()
}

/// `link` of `document`, from the root.
fn target(document: &str, link: &str) -> String {
    if link.is_empty() {
        return document.to_owned();
    }
    let mut target = PathBuf::new();
    for part in Path::new(document).with_file_name(link).components() {
        match part {
            Component::ParentDir => drop(target.pop()),
            part => target.push(part),
        }
    }
    target.to_string_lossy().replace('\\', "/")
}

#[test]
fn every_link_in_a_document_leads_somewhere() {
    let files = files();
    let is_there = |target: &str, anchor: &str| {
        let found = files.iter().find(|file| file.path == target);
        match anchor {
            "" => found.is_some() || files.iter().any(|file| file.path.starts_with(target)),
            anchor => found.is_some_and(|file| anchors(&file.text).iter().any(|known| known == anchor)),
        }
    };
    let mut broken = Vec::new();
    for File { path, text } in files.iter().filter(|file| file.path.ends_with(".md")) {
        for link in links(text).filter(|link| !link.contains("://")) {
            let (to, anchor) = link.split_once('#').unwrap_or((link, ""));
            if !is_there(&target(path, to), anchor) {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    refuse(&broken, "correct these links:");
}
