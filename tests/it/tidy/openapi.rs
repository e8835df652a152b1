//! Rules about `openapi.yaml`: it has the routes, codes, lists and limits of the code, and the fixtures as
//! examples.

use std::collections::BTreeSet;

use common::api::Code;
use common::prompt::{MAX_ADDITIONAL_CHARS, MAX_OPTION_CHARS, MAX_PROMPT_CHARS, labels};
use common::uploads::MAX_UPLOAD_BYTES;
use serde_json::{Value, json};

use super::template::resources;
use super::{differences, file, refuse};
use crate::description::{DESCRIPTION, Operation, faults, resolved};
use crate::fixtures::{self, Fixture};

/// Occurs in a direct invocation only: the gateway has no route for another method.
const NEVER_THROUGH_THE_GATEWAY: Code = Code::MethodNotAllowed;

const PROBLEM: &str = "application/problem+json";

/// Routes with a response that is too long for an example.
const EXCERPTS: [&str; 2] = ["GET /api/openapi.json", "GET /api/prompt-options"];

fn schema(name: &str) -> &'static Value {
    &DESCRIPTION["components"]["schemas"][name]
}

fn texts(values: &Value) -> BTreeSet<String> {
    let texts = values.as_array().expect("a list").iter().filter_map(Value::as_str);
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_description_has_the_routes_of_the_template_and_their_security() {
    let with_security = |route: String, public: bool| if public { route + ", public" } else { route };
    let described = Operation::all().into_iter().map(|operation| {
        let security = operation.description.get("security").unwrap_or(&DESCRIPTION["security"]);
        with_security(operation.route_key(), *security == json!([]))
    });
    let routes = resources().routes.into_iter().map(|route| with_security(route.route_key, route.public));
    let breaches = differences("openapi.yaml", described, "template.yaml", routes);
    refuse(&breaches, "describe the routes of template.yaml in openapi.yaml:");
}

#[test]
fn every_code_is_described_at_its_status() {
    let codes = || Code::ALL.iter().map(|code| code.name().to_owned());
    let breaches =
        differences("the schema Code", texts(&schema("Code")["enum"]), "common::api::Code", codes());
    refuse(&breaches, "name every code in the schema Code:");

    let mut breaches = Vec::new();
    let mut described = BTreeSet::from([NEVER_THROUGH_THE_GATEWAY.name().to_owned()]);
    for operation in Operation::all() {
        for (status, response) in operation.responses() {
            let Some(problem) = response["content"].get(PROBLEM) else { continue };
            let narrowed = &problem["schema"]["allOf"][1]["properties"];
            if narrowed["status"]["const"] != status {
                breaches.push(format!("{} {status} does not say its status", operation.route_key()));
            }
            for name in texts(&narrowed["code"]["enum"]) {
                let code = Code::ALL.iter().find(|code| code.name() == name);
                if code.is_none_or(|code| code.status() != status) {
                    breaches.push(format!("{} {status} cannot be {name}", operation.route_key()));
                }
                described.insert(name);
            }
        }
    }
    breaches.extend(differences("a response", described, "common::api::Code", codes()));
    refuse(&breaches, "give every response the codes of its status:");
}

#[test]
fn the_described_options_and_limits_are_those_of_the_code() {
    let described = schema("Options")["properties"].as_object().expect("properties");
    let mut fields = vec!["additional_prompt".to_owned()];
    let mut breaches = Vec::new();
    for list in labels::ALL {
        fields.push(list.field.to_owned());
        fields.extend(list.custom_field.map(str::to_owned));
        let known = list.labels.iter().flat_map(|label| [label.english, label.indonesian]);
        if list.closed {
            let choices = texts(&described[list.field]["enum"]);
            breaches.extend(differences(list.field, choices, "labels.rs", known.map(str::to_owned)));
        }
    }
    breaches.extend(differences("Options", described.keys().cloned(), "labels.rs", fields));
    refuse(&breaches, "copy the options of labels.rs to openapi.yaml:");

    assert_eq!(schema("OptionText")["maxLength"], MAX_OPTION_CHARS);
    assert_eq!(described["additional_prompt"]["maxLength"], MAX_ADDITIONAL_CHARS);
    assert_eq!(schema("GenerationRequest")["properties"]["prompt"]["maxLength"], MAX_PROMPT_CHARS);
    let upload = &DESCRIPTION["paths"]["/api/uploads"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(upload["schema"]["properties"]["content_length"]["maximum"], MAX_UPLOAD_BYTES);
}

/// Status and body of the recorded response to a fixture.
fn recorded(Fixture { function, name, .. }: &Fixture) -> (u64, Value) {
    let snapshot = file(&format!("tests/it/snapshots/{function}--{name}.snap"));
    let (_, response) = snapshot.split_once("\n---\n").expect("a snapshot");
    let mut response: Value = serde_json::from_str(response).expect("JSON");
    (response["status"].as_u64().unwrap_or_default(), response["body"].take())
}

/// Whether an example is the recorded value, with any text in place of each `[…]`.
fn is_as_recorded(recorded: &Value, example: &Value) -> bool {
    match (recorded, example) {
        (Value::Object(recorded), Value::Object(example)) => {
            recorded.keys().eq(example.keys())
                && recorded.iter().all(|(name, value)| is_as_recorded(value, &example[name]))
        }
        (Value::Array(recorded), Value::Array(example)) => {
            recorded.len() == example.len() && recorded.iter().zip(example).all(|(r, e)| is_as_recorded(r, e))
        }
        (Value::String(recorded), Value::String(example)) => {
            let mut rest = example.as_str();
            let mut fixed = recorded.split(['[', ']']).step_by(2);
            fixed.all(|part| match rest.find(part) {
                Some(at) => {
                    rest = &rest[at + part.len()..];
                    true
                }
                None => false,
            }) && (rest.is_empty() || recorded.ends_with(']'))
        }
        (recorded, example) => recorded == example,
    }
}

#[test]
fn every_fixture_is_an_example() {
    let (mut breaches, mut bodies) = (Vec::new(), 0);
    for fixture in fixtures::all() {
        let event = fixture.json();
        let route = event["routeKey"].as_str().unwrap_or_default();
        let operation = Operation::all().into_iter().find(|operation| operation.route_key() == route);
        let Some(operation) = operation else { continue };
        let (status, body) = recorded(&fixture);
        let request = &operation.description["requestBody"]["content"]["application/json"]["examples"];
        if let (Some(text), 200..300) = (event["body"].as_str(), status) {
            bodies += 1;
            let sent: Value = serde_json::from_str(text).expect("JSON");
            if request[&fixture.name]["value"] != sent {
                breaches.push(format!("{}: its body is not an example", fixture.path()));
            }
        }
        if body == "" || (status == 200 && EXCERPTS.contains(&route)) {
            continue;
        }
        let media = if status < 400 { "application/json" } else { PROBLEM };
        let response = resolved(&operation.description["responses"][status.to_string()]);
        if !is_as_recorded(&body, &response["content"][media]["examples"][&fixture.name]["value"]) {
            breaches.push(format!("{}: its response is not an example", fixture.path()));
        }
    }
    refuse(&breaches, "copy the fixtures and their snapshots to the examples of openapi.yaml:");
    assert!(bodies > 0, "no fixture has a body");
}

#[test]
fn the_example_of_the_options_is_an_excerpt_of_the_recorded_response() {
    let response = &DESCRIPTION["paths"]["/api/prompt-options"]["get"]["responses"]["200"];
    let excerpt = &response["content"]["application/json"]["examples"]["excerpt"]["value"];
    let success =
        fixtures::all().into_iter().find(|fixture| fixture.path() == "events/prompt-options/success.json");
    let (_, whole) = recorded(&success.expect("the fixture"));
    assert_eq!(excerpt["texts"], whole["texts"]);
    for list in excerpt["lists"].as_array().expect("lists") {
        let lists = whole["lists"].as_array().expect("lists");
        let own = lists.iter().find(|own| own["field"] == list["field"]).expect("a list of this name");
        for (name, value) in list.as_object().expect("a list") {
            match value.as_array() {
                Some(choices) => {
                    let known = own[name].as_array().expect("choices");
                    assert!(choices.iter().all(|choice| known.contains(choice)), "{value}");
                }
                None => assert_eq!(*value, own[name]),
            }
        }
    }
}

#[test]
fn every_example_is_valid_against_its_schema() {
    let mut breaches = Vec::new();
    let mut count = 0;
    for operation in Operation::all() {
        let responses: Vec<_> = operation.responses().map(|(_, response)| response).collect();
        let bodies = responses.into_iter().chain([&operation.description["requestBody"]]);
        let media =
            bodies.filter_map(|body| body["content"].as_object()).flat_map(|content| content.values());
        for described in media.chain(operation.parameters()) {
            let named = described["examples"].as_object().into_iter().flat_map(|examples| examples.values());
            for example in named.map(|named| &named["value"]).chain(described.get("example")) {
                count += 1;
                let faults = faults(&described["schema"], example).into_iter();
                breaches.extend(faults.map(|fault| format!("{}: {fault}", operation.route_key())));
            }
        }
    }
    refuse(&breaches, "correct the example or its schema:");
    assert!(count > 20, "only {count} examples were found");
}
