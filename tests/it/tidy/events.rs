//! Rules about the event fixtures: each is an event as API Gateway sends it, and contains no secret.

use serde_json::Value;

use super::template::resources;
use super::{differences, files, refuse};
use crate::fixtures::{Fixture, all};

/// Stands for the token that API Gateway passes on.
const NO_TOKEN: &str = "Bearer redacted";

/// The headers that API Gateway adds to every request.
const OF_API_GATEWAY: [&str; 5] =
    ["host", "user-agent", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-proto"];

/// The path of an event, with `{name}` in place of each path parameter.
fn path(event: &Value) -> String {
    let mut path = event["rawPath"].as_str().unwrap_or_default().to_owned();
    for (name, value) in event["pathParameters"].as_object().into_iter().flatten() {
        path = path.replace(value.as_str().expect("a text"), &format!("{{{name}}}"));
    }
    path
}

#[test]
fn every_http_fixture_is_an_event_of_a_route_of_its_function() {
    let routes = resources().routes;
    let mut breaches = Vec::new();
    for fixture in all() {
        let own: Vec<_> = routes.iter().filter(|route| route.function == fixture.function).collect();
        let event = fixture.json();
        let Some(route) = own.iter().find(|route| event["routeKey"] == route.route_key).or(own.first())
        else {
            continue;
        };
        let (context, headers) = (&event["requestContext"], event["headers"].as_object().expect("headers"));
        let length = event["body"].as_str().map_or(0, str::len).to_string();
        let mut facts = vec![
            ("version", event["version"] == "2.0"),
            ("routeKey", event["routeKey"] == route.route_key),
            ("requestContext.routeKey", context["routeKey"] == route.route_key),
            ("rawPath", path(&event) == route.path),
            ("requestContext.http.path", context["http"]["path"] == event["rawPath"]),
            ("requestContext.http.method", context["http"]["method"] == route.method),
            (
                "content-length",
                event["isBase64Encoded"] == true || event["headers"]["content-length"] == length,
            ),
            ("a header in lower case", !headers.keys().any(|name| name.chars().any(char::is_uppercase))),
        ];
        facts.extend(OF_API_GATEWAY.map(|name| (name, headers.contains_key(name))));
        let wrong = facts.into_iter().filter(|(_, is_so)| !is_so);
        breaches.extend(wrong.map(|(fact, _)| format!("{}: {fact}", fixture.path())));
    }
    refuse(&breaches, "correct these parts, as API Gateway sends them for the function's route:");
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
