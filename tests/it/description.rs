//! The API's description, and whether a request and its answer are what it says. Every answer that a test gets
//! through [`crate::harness`] is held against it, so the description cannot say what is not so.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use common::prompt::labels;
use jsonschema::{Draft, Validator};
use reqwest::Request;
use serde_json::{Value, json};

use crate::harness::Answer;

/// `openapi.yaml` as it is served.
pub static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(api_description::DESCRIPTION).expect("JSON"));

/// Headers of the connection, of CORS and of the gateway's bookkeeping, which OpenAPI leaves to others.
const NOT_DESCRIBED: [&str; 4] = ["content-type", "content-length", "date", "apigw-requestid"];

/// Takes more photos than the usual model, for which the description is written, and says so in its words.
const OTHER_MODEL: &str = "fal-ai/flux-general/image-to-image";

/// What a reference stands for; anything else as it is.
pub fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => DESCRIPTION.pointer(reference.trim_start_matches('#')).expect(reference),
        None => value,
    }
}

/// Everything in `value` that `schema` does not allow.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let validator = {
        let mut validators = VALIDATORS.lock().expect("no panic");
        Arc::clone(validators.entry(schema.to_string()).or_insert_with(|| Arc::new(validator(schema))))
    };
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn validator(schema: &Value) -> Validator {
    let document = json!({"components": DESCRIPTION["components"], "allOf": [schema]});
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.build(&document).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

/// One operation, with its method and path.
pub struct Operation {
    pub method: String,
    pub path: &'static str,
    pub description: &'static Value,
}

impl Operation {
    /// Every one that there is.
    pub fn all() -> Vec<Self> {
        let paths = DESCRIPTION["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations").iter();
            operations.map(move |(method, description)| Self {
                method: method.to_uppercase(),
                path,
                description,
            })
        });
        operations.collect()
    }

    pub fn route_key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Status and description of every answer.
    pub fn responses(&self) -> impl Iterator<Item = (u16, &'static Value)> {
        let responses = self.description["responses"].as_object().expect("responses");
        responses.iter().map(|(status, response)| (status.parse().expect("a status"), resolved(response)))
    }

    pub fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        self.description["parameters"].as_array().into_iter().flatten().map(resolved)
    }

    fn takes(&self, request: &Request) -> bool {
        let (own, asked) = (self.path.split('/'), request.url().path().split('/'));
        let same = own.clone().count() == asked.clone().count()
            && own.zip(asked).all(|(own, asked)| own == asked || (own.starts_with('{') && !asked.is_empty()));
        same && request.method() == self.method.as_str()
    }
}

/// Fails unless `answer` is one that the description promises for `request`, and `request`, if it was taken, one
/// that the description allows. What is not below `/api` is not the API's.
#[track_caller]
pub fn check(request: &Request, answer: &Answer) {
    if !request.url().path().starts_with("/api/") {
        return;
    }
    let breaches = match Operation::all().into_iter().find(|operation| operation.takes(request)) {
        Some(operation) => [breaches(&operation, answer), not_allowed(&operation, request, answer)].concat(),
        None if answer.status == 404 => faults(gateway_message(), &answer.body),
        None => vec!["it is not described".to_owned()],
    };
    let (method, path) = (request.method(), request.url().path());
    assert!(
        breaches.is_empty(),
        "{method} {path} answered {} {}, against openapi.yaml:\n  {}",
        answer.status,
        answer.body,
        breaches.join("\n  ")
    );
}

fn gateway_message() -> &'static Value {
    &DESCRIPTION["components"]["schemas"]["GatewayMessage"]
}

/// What the answer should not have, or should and has not.
fn breaches(operation: &Operation, answer: &Answer) -> Vec<String> {
    let Some((_, response)) = operation.responses().find(|(status, _)| *status == answer.status) else {
        return vec!["the status is not described".to_owned()];
    };
    let mut breaches = Vec::new();
    let described = response["headers"].as_object().cloned().unwrap_or_default();
    for (name, header) in &described {
        let header = resolved(header);
        match answer.header(name) {
            Some(value) => breaches.extend(faults(&header["schema"], &json!(value))),
            None if header["required"] == true => breaches.push(format!("the header {name} is missing")),
            None => {}
        }
    }
    for name in answer.headers.keys().map(|name| name.as_str()) {
        let is_described = described.keys().any(|described| described.eq_ignore_ascii_case(name));
        if !is_described && !NOT_DESCRIBED.contains(&name) && !name.starts_with("access-control-") {
            breaches.push(format!("the header {name} is not described"));
        }
    }
    match response["content"].as_object() {
        None if answer.text.is_empty() => {}
        None => breaches.push("a body is not described".to_owned()),
        Some(content) => match content.get(answer.header("content-type").unwrap_or_default()) {
            Some(media) => breaches.extend(faults(&media["schema"], &answer.body)),
            None => breaches.push("the content type is not described".to_owned()),
        },
    }
    breaches
}

/// What the request has that the description does not allow, although it was taken.
fn not_allowed(operation: &Operation, request: &Request, answer: &Answer) -> Vec<String> {
    if answer.status >= 300 || answer.body["debug_info"]["model"] == OTHER_MODEL {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    if let Some(body) = request.body().and_then(|body| body.as_bytes()) {
        let mut body = serde_json::from_slice(body).expect("JSON, as it was taken");
        spell_as_listed(&mut body);
        let schema = &operation.description["requestBody"]["content"]["application/json"]["schema"];
        breaches
            .extend(faults(schema, &body).into_iter().map(|fault| format!("the request was taken: {fault}")));
    }
    for (name, _) in request.url().query_pairs() {
        let is_described = operation.parameters().any(|parameter| parameter["name"] == *name);
        if !is_described {
            breaches.push(format!("the parameter {name} was taken and is not described"));
        }
    }
    breaches
}

/// Spells the choices of closed lists as the lists do. That any case will do is said in words, as no schema can.
fn spell_as_listed(body: &mut Value) {
    for list in labels::ALL.iter().filter(|list| list.closed) {
        if let Some(text) = body.pointer_mut(&format!("/options/{}", list.field))
            && let Some(label) = text.as_str().and_then(|text| list.find(text))
        {
            *text = json!(label.english);
        }
    }
}
