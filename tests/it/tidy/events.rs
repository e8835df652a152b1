//! Rules about the event fixtures: each is an event as API Gateway sends it, and contains no secret.

use lambda_http::RequestExt;
use lambda_http::request::from_str;

use super::template::resources;
use super::{differences, files, refuse};
use crate::fixtures::{Fixture, all};

/// Stands for the token that API Gateway passes on.
const NO_TOKEN: &str = "Bearer redacted";

/// The fixtures of the functions with routes, each with the route that it names, or else the function's
/// first.
fn http_fixtures() -> Vec<(Fixture, String)> {
    let routes = resources().routes;
    let with_route = all().into_iter().filter_map(|fixture| {
        let own: Vec<_> = routes.iter().filter(|route| route.function == fixture.function).collect();
        let named = own.iter().find(|route| fixture.json()["routeKey"] == route.route_key);
        let route_key = named.or(own.first())?.route_key.clone();
        Some((fixture, route_key))
    });
    with_route.collect()
}

/// The method and the path of a request, with `{name}` in place of each path parameter.
fn requested_route(request: &lambda_http::Request) -> String {
    let mut path = request.raw_http_path().to_owned();
    for (name, value) in request.path_parameters_ref().into_iter().flat_map(|parameters| parameters.iter()) {
        path = path.replace(value, &format!("{{{name}}}"));
    }
    format!("{} {path}", request.method())
}

#[test]
fn every_http_fixture_is_a_request_to_the_route_of_its_function() {
    let mut breaches = Vec::new();
    for (fixture, route_key) in http_fixtures() {
        let request = from_str(&fixture.text).unwrap_or_else(|error| panic!("{}: {error}", fixture.path()));
        let requested = requested_route(&request);
        let event = fixture.json();
        let (key, context_key) = (&event["routeKey"], &event["requestContext"]["routeKey"]);
        let has_route = requested == route_key && *key == route_key && *context_key == route_key;
        if !has_route || event["version"] != "2.0" {
            let found =
                format!("{requested}, route keys {key} and {context_key}, version {}", event["version"]);
            breaches.push(format!("{}: {found}; expected {route_key}", fixture.path()));
        }
    }
    refuse(&breaches, "write version 2.0, and the method, the paths and both route keys of the route:");
}

#[test]
fn every_http_fixture_has_the_headers_of_api_gateway() {
    let mut breaches = Vec::new();
    for (fixture, _) in http_fixtures() {
        let event = fixture.json();
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
    refuse(&breaches, "write the headers that API Gateway sends:");
}

#[test]
fn no_fixture_contains_a_token() {
    let has_token = |fixture: &Fixture| {
        let token = &fixture.json()["headers"]["authorization"];
        let mut words = fixture.text.split(|char: char| !char.is_alphanumeric() && !"-_.".contains(char));
        // A JWT has three parts. The first one is the base64 of `{"…`.
        let has_jwt = words.any(|word| word.starts_with("eyJ") && word.split('.').count() == 3);
        has_jwt || !(token.is_null() || token == NO_TOKEN)
    };
    let breaches: Vec<_> = all().iter().filter(|fixture| has_token(fixture)).map(Fixture::path).collect();
    refuse(&breaches, &format!("replace the token by {NO_TOKEN:?}, and revoke it if it was a real one:"));
}

#[test]
fn every_snapshot_belongs_to_a_fixture() {
    let fixtures = all().into_iter().map(|fixture| format!("{}--{}.snap", fixture.function, fixture.name));
    let snapshots = files().into_iter().filter_map(|file| {
        let name = file.path.strip_prefix("tests/it/snapshots/")?;
        Some(name.to_owned())
    });
    let breaches = differences("snapshots/", snapshots, "events/", fixtures);
    refuse(&breaches, "delete the snapshots of deleted fixtures:");
}
