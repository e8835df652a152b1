//! Rules about `openapi.yaml`: it names the routes, codes, lists and limits of the code, and shows the fixtures.

use std::collections::BTreeSet;

use common::api::Code;
use common::prompt::{MAX_ADDITIONAL_CHARS, MAX_OPTION_CHARS, MAX_PROMPT_CHARS, labels};
use common::uploads::MAX_UPLOAD_BYTES;
use serde_json::{Value, json};

use super::template::{differences, resources};
use super::{file, refuse};
use crate::description::{DESCRIPTION, Operation, faults, resolved};
use crate::fixtures::{self, Fixture};

/// Answered to a direct invocation only: the gateway has no route for another method.
const NEVER_THROUGH_THE_GATEWAY: Code = Code::MethodNotAllowed;

const PROBLEM: &str = "application/problem+json";

/// Answers too long to be shown as a whole.
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
    let with_security =
        |route: String, public: bool| format!("{route}{}", if public { ", for anybody" } else { "" });
    let described = Operation::all().into_iter().map(|operation| {
        let security = operation.description.get("security").unwrap_or(&DESCRIPTION["security"]);
        with_security(operation.route_key(), *security == json!([]))
    });
    let routes = resources().routes.into_iter().map(|route| with_security(route.route_key, route.public));
    refuse(
        &differences(&described.collect(), "openapi.yaml", &routes.collect(), "template.yaml"),
        "describe the routes that there are:",
    );
}

#[test]
fn every_code_is_described_at_its_status() {
    let known = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
    refuse(
        &differences(&texts(&schema("Code")["enum"]), "openapi.yaml", &known, "common/src/api/problem.rs"),
        "name every code in the schema Code:",
    );
    let (mut breaches, mut answered) = (Vec::new(), BTreeSet::new());
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
                answered.insert(name);
            }
        }
    }
    answered.insert(NEVER_THROUGH_THE_GATEWAY.name().to_owned());
    breaches.extend(differences(&answered, "an answer", &known, "common/src/api/problem.rs"));
    refuse(&breaches, "give every answer the codes of its status:");
}

#[test]
fn the_options_and_their_limits_are_those_of_the_code() {
    let described = schema("Options")["properties"].as_object().expect("properties");
    let mut fields = BTreeSet::from(["additional_prompt".to_owned()]);
    let mut breaches = Vec::new();
    for list in labels::ALL {
        fields.insert(list.field.to_owned());
        fields.extend(list.custom_field.map(str::to_owned));
        let known = list.labels.iter().flat_map(|label| [label.english, label.indonesian]);
        if list.closed {
            let named = texts(&described[list.field]["enum"]);
            breaches.extend(differences(
                &named,
                list.field,
                &known.map(str::to_owned).collect(),
                "labels.rs",
            ));
        }
    }
    breaches.extend(differences(&described.keys().cloned().collect(), "Options", &fields, "labels.rs"));
    refuse(&breaches, "write the options in openapi.yaml as they are:");

    assert_eq!(schema("OptionText")["maxLength"], MAX_OPTION_CHARS);
    assert_eq!(described["additional_prompt"]["maxLength"], MAX_ADDITIONAL_CHARS);
    assert_eq!(schema("GenerationRequest")["properties"]["prompt"]["maxLength"], MAX_PROMPT_CHARS);
    let upload = &DESCRIPTION["paths"]["/api/uploads"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(upload["schema"]["properties"]["content_length"]["maximum"], MAX_UPLOAD_BYTES);
}

/// What a function was recorded to answer to a fixture: status and body.
fn recorded(Fixture { function, name, .. }: &Fixture) -> (u64, Value) {
    let snapshot = file(&format!("tests/it/snapshots/{function}--{name}.snap"));
    let (_, answer) = snapshot.split_once("\n---\n").expect("a snapshot");
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    (answer["status"].as_u64().unwrap_or_default(), answer["body"].clone())
}

/// Whether an example is what was recorded, with something in the place of each `[…]`.
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
fn the_examples_are_the_fixtures() {
    let (mut breaches, mut used) = (Vec::new(), 0);
    for fixture in fixtures::all() {
        let event: Value = serde_json::from_str(&fixture.text).expect("JSON");
        let route = event["routeKey"].as_str().unwrap_or_default();
        let Some(operation) = Operation::all().into_iter().find(|operation| operation.route_key() == route)
        else {
            continue;
        };
        let (status, body) = recorded(&fixture);
        let request = &operation.description["requestBody"]["content"]["application/json"]["examples"];
        if let (Some(text), 200..300) = (event["body"].as_str(), status) {
            used += 1;
            let sent: Value = serde_json::from_str(text).expect("JSON");
            if request[&fixture.name]["value"] != sent {
                breaches.push(format!("{}: its body is no example", fixture.path()));
            }
        }
        if body == "" || (status == 200 && EXCERPTS.contains(&route)) {
            continue;
        }
        let media = if status < 400 { "application/json" } else { PROBLEM };
        let response = resolved(&operation.description["responses"][status.to_string()]);
        if !is_as_recorded(&body, &response["content"][media]["examples"][&fixture.name]["value"]) {
            breaches.push(format!("{}: the answer to it is no example", fixture.path()));
        }
    }
    refuse(&breaches, "write the examples in openapi.yaml as the fixtures and their snapshots are:");
    assert!(used > 0, "no fixture has a body");
}

#[test]
fn the_excerpt_of_the_options_is_one() {
    let options =
        DESCRIPTION.pointer("/paths/~1api~1prompt-options/get/responses/200/content").expect("content");
    let excerpt = &options["application/json"]["examples"]["excerpt"]["value"];
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
fn every_example_is_what_its_schema_allows() {
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
                let faults = faults(&described["schema"], example);
                breaches
                    .extend(faults.into_iter().map(|fault| format!("{}: {fault}", operation.route_key())));
            }
        }
    }
    refuse(&breaches, "write the example as its schema says, or the schema as it is:");
    assert!(count > 20, "only {count} examples were found");
}
