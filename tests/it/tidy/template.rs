//! Rules about `template.yaml`: it and the code name the same routes, functions and settings.

use std::collections::{BTreeMap, BTreeSet};

use local_stack::functions::{self, Deployed};
use reqwest::{Method, StatusCode};
use sam_template::{LocalStack, Resources, Template};
use serde_json::Value;

use super::{file, files, refuse};
use crate::harness::Potret;

/// Settings for laptops. In the cloud the secrets come from Systems Manager, and fal's hosts are fal's own.
const LOCAL_ONLY: [&str; 6] =
    ["FAL_KEY", "FAL_BASE_URL", "FAL_QUEUE_URL", "PHOTO_DELIVERY", "CURSOR_KEY", "JWT_SECRET"];

/// What the template sets for a function that is no setting of ours.
const OF_THE_C_LIBRARY: &str = "MALLOC_MMAP_THRESHOLD_";

/// The routes that answer without a token.
const FOR_ANYBODY: [&str; 2] = ["GET /api/openapi.json", "GET /api/prompt-options"];

/// The template as JSON.
pub fn template() -> Value {
    Template::parse(&file("template.yaml")).expect("a template").json().clone()
}

/// The template as it lies there, with made-up values for what a deployment is asked for.
pub fn resources() -> Resources {
    let asked_for = ["JwtIssuer", "JwtAudience", "AllowedOrigins"];
    let parameters = asked_for.map(|name| (name.to_owned(), "made-up".to_owned())).into();
    let template = Template::parse(&file("template.yaml")).expect("a template");
    template.resolve(&LocalStack { name: "potret".to_owned(), parameters }).expect("resources")
}

/// Those of one list that are not in the other, in words.
pub fn differences(
    one: &BTreeSet<String>,
    in_one: &str,
    other: &BTreeSet<String>,
    in_other: &str,
) -> Vec<String> {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>, place: &str| {
        a.difference(b).map(|name| format!("{name} is only in {place}")).collect::<Vec<_>>()
    };
    [only(one, other, in_one), only(other, one, in_other)].concat()
}

/// Every setting that a function reads.
pub fn settings() -> BTreeSet<String> {
    functions::ALL.iter().flat_map(Deployed::settings).chain(["LOG_LEVEL".to_owned()]).collect()
}

#[test]
fn cargo_lambda_watch_serves_the_routes_of_the_template() {
    let manifest = file("Cargo.toml");
    let routers = manifest.split("[[workspace.metadata.lambda.watch.router]]\n").skip(1);
    let served: BTreeSet<_> =
        routers.map(|rest| rest.lines().take(3).collect::<Vec<_>>().join("; ")).collect();
    let resources = resources();
    let wanted = resources.routes.iter().map(|route| {
        let (path, method, function) = (&route.path, &route.method, &route.function);
        format!("path = \"{path}\"; methods = [\"{method}\"]; function = \"{function}\"")
    });
    let breaches = differences(&served, "Cargo.toml", &wanted.collect(), "template.yaml");
    refuse(
        &breaches,
        "let [workspace.metadata.lambda.watch] in Cargo.toml have the routes of template.yaml:",
    );
}

#[test]
fn every_function_has_the_routes_of_the_template() {
    let routes = resources().routes.into_iter();
    let routes = routes.map(|route| format!("{}: {} {}", route.function, route.method, route.path)).collect();
    let own = functions::ALL.iter().flat_map(|function| {
        function.routes.iter().map(|route| format!("{}: {} {}", function.name, route.method, route.path))
    });
    refuse(
        &differences(&routes, "template.yaml", &own.collect(), "the functions' ROUTES"),
        "make the function's Event in template.yaml and its ROUTES the same:",
    );
}

#[test]
fn every_route_needs_a_token_but_those_meant_for_anybody() {
    let public = resources().routes.into_iter().filter(|route| route.public);
    refuse(
        &differences(
            &public.map(|route| route.route_key).collect(),
            "template.yaml as public",
            &FOR_ANYBODY.map(str::to_owned).into(),
            "FOR_ANYBODY",
        ),
        "take `Authorizer: NONE` out, or name the route in FOR_ANYBODY if it tells nothing about any user:",
    );
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
            let is_route = routes.iter().any(|route| route.path == path && route.method == method.as_str());
            let answer =
                potret.http.request(method.clone(), potret.url(path)).send().await.expect("an answer");
            let expected = match is_route {
                true if FOR_ANYBODY.contains(&format!("{method} {path}").as_str()) => StatusCode::OK,
                // Without a token, a route asks for one.
                true => StatusCode::UNAUTHORIZED,
                false => StatusCode::NOT_FOUND,
            };
            if answer.status() != expected {
                breaches.push(format!("{method} {path}: {}, expected {expected}", answer.status()));
            }
        }
    }
    refuse(&breaches, "make the local gateway serve what template.yaml says:");
}

#[test]
fn every_function_bears_one_name_everywhere() {
    let files: BTreeMap<_, _> = files().into_iter().map(|file| (file.path, file.text)).collect();
    let mut breaches = Vec::new();
    for function in resources().functions {
        let name = &function.name;
        let (folder, module) = (format!("functions/{name}"), name.replace('-', "_"));
        let code = [format!("{folder}/src/main.rs"), format!("{folder}/src/lib.rs")];
        for path in code.into_iter().chain([format!("tests/it/{module}.rs")]) {
            if !files.contains_key(&path) {
                breaches.push(format!("{path} is missing"));
            }
        }
        let manifest = files.get(&format!("{folder}/Cargo.toml")).map(String::as_str).unwrap_or_default();
        if !manifest.starts_with(&format!("[package]\nname = \"{name}\"\n")) {
            breaches.push(format!("{folder}/Cargo.toml must name the package, and so the binary, {name}"));
        }
        if !files["tests/it/main.rs"].contains(&format!("\nmod {module};\n")) {
            breaches.push(format!("tests/it/main.rs does not have `mod {module};`"));
        }
        if !files.keys().any(|path| path.starts_with(&format!("events/{name}/"))) {
            breaches.push(format!("events/{name}/ has no fixture"));
        }
        if template()["Resources"][&function.logical_id]["Properties"]["CodeUri"] != folder.as_str() {
            breaches.push(format!("template.yaml must build it with CodeUri: {folder}"));
        }
        let (resource, expected) = (&function.logical_id, pascal_case(name));
        if *resource != expected {
            breaches.push(format!("template.yaml calls it {resource}, expected {expected}"));
        }
    }
    refuse(&breaches, "a function's folder, package, binary, resource, events and tests bear one name:");
}

fn pascal_case(name: &str) -> String {
    let words = name.split('-').map(|word| word.split_at(1));
    words.map(|(first, rest)| first.to_ascii_uppercase() + rest).collect()
}

#[test]
fn every_folder_of_functions_and_of_events_is_a_function_of_the_template() {
    let functions = resources().functions.into_iter().map(|function| function.name).collect();
    let mut breaches = Vec::new();
    for parent in ["functions", "events"] {
        let names = files().into_iter().filter_map(|file| {
            let (name, _) = file.path.strip_prefix(parent)?.strip_prefix('/')?.split_once('/')?;
            Some(name.to_owned())
        });
        breaches.extend(differences(&names.collect(), parent, &functions, "template.yaml"));
    }
    refuse(&breaches, "add the function to template.yaml, or delete what is left of it:");
}

#[test]
fn the_template_sets_every_setting_but_the_local_ones_and_no_unknown_one() {
    let names = resources().functions.into_iter().flat_map(|function| function.environment.into_keys());
    let set = names.filter(|name| name != OF_THE_C_LIBRARY).collect();
    let known = settings().into_iter().filter(|name| !LOCAL_ONLY.contains(&name.as_str())).collect();
    refuse(
        &differences(&set, "template.yaml", &known, "the functions"),
        "set it in template.yaml and read it in a function, or do neither:",
    );
}
