//! Rules about the documents: they name every route, setting and error code, and their links have targets.

use std::path::{Component, Path, PathBuf};

use super::template::{resources, settings, template};
use super::{File, file, files, refuse};
use crate::description::DESCRIPTION;

/// The README is a front page. Details belong in `docs/`.
const MAX_LINES_OF_THE_README: usize = 150;

/// The words of a text. `FAL_KEY_PARAMETER` and `/api/coins` are one word each.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|char: char| !char.is_alphanumeric() && !"_-/{}.".contains(char));
    // A full stop is a part of a word, but not at its end.
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
    assert!(length <= MAX_LINES_OF_THE_README, "README.md has {length} lines: move details to docs/");
}

#[test]
fn every_setting_and_every_parameter_is_documented() {
    let parameters = template()["Parameters"].as_object().expect("parameters").clone();
    let parameters = parameters.into_iter().map(|(name, _)| name);
    expect_words("docs/deploy.md", settings().into_iter().chain(parameters));
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
        refuse(&routes, &format!("describe these routes in {document}, with method and path in one line:"));
    }
}

/// The targets of the links and the pictures in a Markdown text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// The anchors that GitHub gives to the headings of a Markdown text.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|char| char.is_alphanumeric() || "-_".contains(*char)).collect()
    };
    headings.map(anchor).collect()
}

/// The path to which `link` in `document` leads, from the root.
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
fn every_link_in_a_document_has_a_target() {
    let files = files();
    let exists = |target: &str, anchor: &str| {
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
            if !exists(&target(path, to), anchor) {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    refuse(&broken, "correct these links:");
}
