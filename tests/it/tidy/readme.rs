//! Rules about the README: it names everything that a user can set, call or be told.

use common::api::Code;

use super::template::{resources, settings};
use super::{file, refuse};

/// The words of a text. `FAL_KEY` is not one of `FAL_KEY_PARAMETER`, nor `/api` one of `/api/coins`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|char: char| !char.is_alphanumeric() && !"_-/{}.".contains(char));
    // A full stop ends a sentence; within a word it is a part of it.
    words.map(|word| word.trim_end_matches('.'))
}

fn missing<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let readme = file("README.md");
    let missing = names.into_iter().filter(|name| !words(&readme).any(|word| word == *name));
    missing.map(str::to_owned).collect()
}

#[test]
fn readme_names_every_setting() {
    let settings = settings();
    refuse(&missing(settings.iter().map(String::as_str)), "describe these settings in README.md:");
}

#[test]
fn readme_names_every_error_code() {
    refuse(&missing(Code::ALL.iter().map(|code| code.name())), "describe these error codes in README.md:");
}

#[test]
fn readme_names_every_route_with_its_method() {
    let (readme, mut routes) = (file("README.md"), resources().routes);
    routes.retain(|route| {
        let names = |line: &str, name: &String| words(line).any(|word| word == name);
        !readme.lines().any(|line| names(line, &route.method) && names(line, &route.path))
    });
    let routes: Vec<_> = routes.into_iter().map(|route| route.route_key).collect();
    refuse(&routes, "describe these routes in README.md, method and path in one line:");
}
