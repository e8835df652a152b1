//! Rules about the event fixtures: each is an event as API Gateway makes it, and holds nothing secret.

use lambda_http::RequestExt;
use lambda_http::request::from_str;
use serde_json::Value;

use super::template::resources;
use super::{files, refuse};
use crate::fixtures::{Fixture, all};

/// Stands for the token that API Gateway would pass on.
const NO_TOKEN: &str = "Bearer redacted";

/// The fixtures of the functions that have routes, each with the route it names, or the function's first.
fn http_fixtures() -> Vec<(Fixture, String)> {
    let routes = resources().routes;
    let with_route = all().into_iter().filter_map(|fixture| {
        let own: Vec<_> = routes.iter().filter(|route| route.function == fixture.function).collect();
        let named = own.iter().find(|route| json(&fixture)["routeKey"] == route.route_key);
        let route_key = named.or(own.first())?.route_key.clone();
        Some((fixture, route_key))
    });
    with_route.collect()
}

/// The method and the path of a request, with what its route has parameters for put back as `{name}`.
fn asked(request: &lambda_http::Request) -> String {
    let mut path = request.raw_http_path().to_owned();
    for (name, value) in request.path_parameters_ref().into_iter().flat_map(|parameters| parameters.iter()) {
        path = path.replace(value, &format!("{{{name}}}"));
    }
    format!("{} {path}", request.method())
}

fn json(fixture: &Fixture) -> Value {
    serde_json::from_str(&fixture.text).unwrap_or_else(|error| panic!("{}: {error}", fixture.path()))
}

#[test]
fn every_fixture_is_a_json_object() {
    let others = all().into_iter().filter(|fixture| !json(fixture).is_object());
    refuse(&others.map(|fixture| fixture.path()).collect::<Vec<_>>(), "write the event as a JSON object:");
}

#[test]
fn every_http_fixture_is_a_request_for_its_functions_route() {
    let mut breaches = Vec::new();
    for (fixture, route_key) in http_fixtures() {
        let request = from_str(&fixture.text).unwrap_or_else(|error| panic!("{}: {error}", fixture.path()));
        let asked = asked(&request);
        let event = json(&fixture);
        let (key, context_key) = (&event["routeKey"], &event["requestContext"]["routeKey"]);
        if asked != route_key || *key != route_key || *context_key != route_key || event["version"] != "2.0" {
            let found = format!("{asked}, route keys {key} and {context_key}, version {}", event["version"]);
            breaches.push(format!("{}: {found}; expected {route_key}", fixture.path()));
        }
    }
    refuse(&breaches, "make version 2.0, method, paths and both route keys those of the route:");
}

#[test]
fn every_http_fixture_has_the_headers_of_api_gateway() {
    let mut breaches = Vec::new();
    for (fixture, _) in http_fixtures() {
        let event = json(&fixture);
        let headers = event["headers"].as_object().expect("headers");
        let length = event["body"].as_str().map_or(0, str::len).to_string();
        if headers.keys().any(|name| name.chars().any(char::is_uppercase)) {
            breaches.push(format!("{}: names must be in lower case", fixture.path()));
        }
        if event["isBase64Encoded"] == false && headers.get("content-length") != Some(&length.as_str().into())
        {
            breaches.push(format!("{}: content-length must be {length}", fixture.path()));
        }
        for name in ["host", "user-agent", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-proto"] {
            if !headers.contains_key(name) {
                breaches.push(format!("{}: {name} is missing", fixture.path()));
            }
        }
    }
    refuse(&breaches, "write the headers as API Gateway passes them on:");
}

#[test]
fn no_fixture_holds_a_token() {
    let has_token = |fixture: &Fixture| {
        let token = &json(fixture)["headers"]["authorization"];
        let mut words = fixture.text.split(|char: char| !char.is_alphanumeric() && !"-_.".contains(char));
        // A JWT has three parts, the first of them the base64 of `{"…`.
        let has_jwt = words.any(|word| word.starts_with("eyJ") && word.split('.').count() == 3);
        has_jwt || !(token.is_null() || token == NO_TOKEN)
    };
    let holding: Vec<_> = all().iter().filter(|fixture| has_token(fixture)).map(Fixture::path).collect();
    refuse(
        &holding,
        &format!("write {NO_TOKEN:?} in place of the token, and revoke it if it was a real one:"),
    );
}

#[test]
fn every_recorded_answer_is_that_of_a_fixture() {
    let fixtures: Vec<_> =
        all().iter().map(|Fixture { function, name, .. }| format!("{function}--{name}")).collect();
    let recorded = files().into_iter().filter(|file| {
        let name = file.path.strip_prefix("tests/it/snapshots/").and_then(|name| name.strip_suffix(".snap"));
        name.is_some_and(|name| name.contains("--") && !fixtures.iter().any(|fixture| fixture == name))
    });
    refuse(&recorded.map(|file| file.path).collect::<Vec<_>>(), "delete the snapshots of deleted fixtures:");
}
