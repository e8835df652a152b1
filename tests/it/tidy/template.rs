//! Rules about `template.yaml`: it and the code have the same routes, functions and settings.

use std::collections::{BTreeMap, BTreeSet};

use local_stack::functions::{self, Deployed};
use reqwest::Method;
use sam_template::{LocalStack, Resources, Template};
use serde_json::{Value, json};

use super::{differences, file, files, refuse};
use crate::description::faults;
use crate::harness::{Potret, Response};

/// Settings of the local stack. In the cloud the secrets come from Systems Manager, and the hosts of fal are
/// the real ones.
const LOCAL_ONLY: [&str; 6] =
    ["FAL_KEY", "FAL_BASE_URL", "FAL_QUEUE_URL", "FAL_JWKS_URL", "CURSOR_KEY", "JWT_SECRET"];

/// An environment variable in the template that is a setting of the C library.
const OF_THE_C_LIBRARY: &str = "MALLOC_MMAP_THRESHOLD_";

/// The routes that need no token, and their status for a caller who knows nothing: nobody can guess the address of
/// a webhook, and another address gets the function's own 404.
const FOR_ANYBODY: [(&str, u16); 3] = [
    ("GET /api/openapi.json", 200),
    ("GET /api/prompt-options", 200),
    ("POST /api/fal-webhook/{callback}", 404),
];

/// The template as JSON.
pub fn template() -> Value {
    Template::parse(&file("template.yaml")).expect("a template").json().clone()
}

/// The resources of the template, with made-up values for the parameters of a deployment.
pub fn resources() -> Resources {
    let required = ["JwtIssuer", "JwtAudience", "AllowedOrigins"];
    let parameters = required.map(|name| (name.to_owned(), "made-up".to_owned())).into();
    let template = Template::parse(&file("template.yaml")).expect("a template");
    template.resolve(&LocalStack { name: "potret".to_owned(), parameters }).expect("resources")
}

/// Every setting that a function reads.
pub fn settings() -> BTreeSet<String> {
    functions::ALL.iter().flat_map(Deployed::settings).chain(["LOG_LEVEL".to_owned()]).collect()
}

#[test]
fn cargo_lambda_watch_serves_the_routes_of_the_template() {
    let manifest = file("Cargo.toml");
    let routers = manifest.split("[[workspace.metadata.lambda.watch.router]]\n").skip(1);
    let served = routers.map(|router| router.lines().take(3).collect::<Vec<_>>().join("; "));
    let routes = resources().routes.into_iter().map(|route| {
        format!(r#"path = "{}"; methods = ["{}"]; function = "{}""#, route.path, route.method, route.function)
    });
    let breaches = differences("Cargo.toml", served, "template.yaml", routes);
    refuse(&breaches, "copy the routes of template.yaml to [workspace.metadata.lambda.watch] in Cargo.toml:");
}

#[test]
fn every_function_has_the_routes_of_the_template() {
    let routes = resources().routes.into_iter();
    let routes = routes.map(|route| format!("{}: {} {}", route.function, route.method, route.path));
    let own = functions::ALL.iter().flat_map(|function| {
        function.routes.iter().map(|route| format!("{}: {} {}", function.name, route.method, route.path))
    });
    let breaches = differences("template.yaml", routes, "the functions' ROUTES", own);
    refuse(&breaches, "make the function's Event in template.yaml and its ROUTES the same:");
}

#[tokio::test]
async fn the_gateway_serves_the_routes_of_the_template_and_no_others() {
    let potret = Potret::start().await;
    let routes = resources().routes;
    let paths: BTreeSet<_> =
        routes.iter().map(|route| route.path.as_str()).chain(["/other", "/api"]).collect();
    let mut breaches = Vec::new();
    for path in paths {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let key = format!("{method} {path}");
            let response = Response::to(potret.http.request(method, potret.url(path))).await;
            let open = FOR_ANYBODY.iter().find(|(route, _)| *route == key);
            let expected = match (routes.iter().any(|route| route.route_key == key), open) {
                (true, Some((_, status))) => (*status, None),
                (true, None) => (401, Some("Unauthorized")),
                (false, _) => (404, Some("Not Found")),
            };
            if (response.status, response.body["message"].as_str()) != expected {
                breaches.push(format!("{key}: {} {}, expected {expected:?}", response.status, response.body));
            }
        }
    }
    refuse(&breaches, "make the local gateway serve the routes of template.yaml:");
}

#[test]
fn every_function_has_the_same_name_everywhere() {
    let files: BTreeMap<_, _> = files().into_iter().map(|file| (file.path, file.text)).collect();
    let mut breaches = Vec::new();
    for function in resources().functions {
        let name = &function.name;
        let (folder, module) = (format!("functions/{name}"), name.replace('-', "_"));
        let begins = |path: &str, text: &str| {
            files.get(&format!("{folder}/{path}")).is_some_and(|file| file.starts_with(text))
        };
        let resource = &template()["Resources"][pascal_case(name)];
        let facts = [
            ("a main.rs", begins("src/main.rs", "")),
            ("a lib.rs", begins("src/lib.rs", "")),
            ("its name in Cargo.toml", begins("Cargo.toml", &format!("[package]\nname = \"{name}\"\n"))),
            (
                "a module in tests/it/main.rs",
                files["tests/it/main.rs"].contains(&format!("\nmod {module};\n")),
            ),
            ("its name in template.yaml", function.logical_id == pascal_case(name)),
            ("its folder as CodeUri in template.yaml", resource["Properties"]["CodeUri"] == folder.as_str()),
        ];
        let missing = facts.into_iter().filter(|(_, is_so)| !is_so);
        breaches.extend(missing.map(|(fact, _)| format!("{name} needs {fact}")));
    }
    refuse(&breaches, "give the function's folder, package, binary, resource and tests the same name:");
}

fn pascal_case(name: &str) -> String {
    let words = name.split('-').map(|word| word.split_at(1));
    words.map(|(first, rest)| first.to_ascii_uppercase() + rest).collect()
}

#[test]
fn every_folder_of_functions_and_of_events_is_a_function_of_the_template() {
    let functions = resources().functions.into_iter().map(|function| function.name);
    let mut breaches = Vec::new();
    for parent in ["functions", "events"] {
        let names = files().into_iter().filter_map(|file| {
            let (name, _) = file.path.strip_prefix(parent)?.strip_prefix('/')?.split_once('/')?;
            Some(name.to_owned())
        });
        breaches.extend(differences(parent, names, "template.yaml", functions.clone()));
    }
    refuse(&breaches, "add the function to template.yaml, or delete its folder:");
}

/// CloudFormation holds each element of a list to the pattern of its parameter.
#[test]
fn only_an_origin_as_browsers_write_it_is_allowed() {
    let allows = |parameter: &str, value: &str| {
        let pattern = &template()["Parameters"][parameter]["AllowedPattern"];
        faults(&json!({"type": "string", "pattern": pattern}), &json!(value)).is_empty()
    };
    for origin in [
        "https://app.example.com",
        "https://app-2.example.com:8443",
        "http://localhost:5173",
        "http://127.0.0.1",
    ] {
        assert!(allows("AllowedOrigins", origin), "{origin}");
    }
    for origin in [
        "*",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://App.example.com",
        "http://app.example.com",
        "http://localhost.example.com",
        "app.example.com",
        "null",
        "",
    ] {
        assert!(!allows("AllowedOrigins", origin), "{origin}");
    }
    assert!(allows("JwtAudience", "potret") && !allows("JwtAudience", ""));
    assert!(allows("RestoredTables", "") && allows("RestoredTables", "potret-2026-11-21"));
    assert!(!allows("RestoredTables", "arn:aws:dynamodb"));
}

#[test]
fn the_deployment_fails_if_api_gateway_cannot_import_all_of_the_api() {
    assert_eq!(template()["Resources"]["Api"]["Properties"]["FailOnWarnings"], true);
}

#[test]
fn the_template_sets_exactly_the_settings_that_are_not_local() {
    let names = resources().functions.into_iter().flat_map(|function| function.environment.into_keys());
    let set = names.filter(|name| name != OF_THE_C_LIBRARY);
    let read = settings().into_iter().filter(|name| !LOCAL_ONLY.contains(&name.as_str()));
    let breaches = differences("template.yaml", set, "the functions", read);
    refuse(&breaches, "set it in template.yaml and read it in a function, or do neither:");
}
