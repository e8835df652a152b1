//! The API's description, and whether a request and its response agree with it. [`crate::harness`] checks
//! every response that a test gets, so the description stays true.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use common::prompt::labels;
use jsonschema::{Draft, Validator};
use reqwest::Request;
use serde_json::{Value, json};

use crate::harness::Response;

/// `openapi.yaml` as it is served.
pub static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(api_description::DESCRIPTION).expect("JSON"));

/// Headers of the connection, of the gateway and for browsers alone, which the description leaves out. Those of
/// CORS are left out as well.
const NOT_DESCRIBED: [&str; 5] =
    ["content-type", "content-length", "date", "apigw-requestid", "x-content-type-options"];

/// Accepts more photos than the default model. The schemas have the limit of the default model, and the text
/// has both.
const OTHER_MODEL: &str = "fal-ai/flux-general/image-to-image";

/// The target of a reference. Any other value is returned as it is.
pub fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => DESCRIPTION.pointer(reference.trim_start_matches('#')).expect(reference),
        None => value,
    }
}

/// Every place in `value` that `schema` does not allow.
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

pub struct Operation {
    pub method: String,
    pub path: &'static str,
    pub description: &'static Value,
}

impl Operation {
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (path, operations) in DESCRIPTION["paths"].as_object().expect("paths") {
            for (method, description) in operations.as_object().expect("operations") {
                all.push(Self { method: method.to_uppercase(), path, description });
            }
        }
        all
    }

    pub fn route_key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Status and description of every response.
    pub fn responses(&self) -> impl Iterator<Item = (u16, &'static Value)> {
        let responses = self.description["responses"].as_object().expect("responses");
        responses.iter().map(|(status, response)| (status.parse().expect("a status"), resolved(response)))
    }

    pub fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        self.description["parameters"].as_array().into_iter().flatten().map(resolved)
    }

    fn matches(&self, request: &Request) -> bool {
        let (own, requested) = (self.path.split('/'), request.url().path().split('/'));
        request.method() == self.method.as_str()
            && own.clone().count() == requested.clone().count()
            && own
                .zip(requested)
                .all(|(own, requested)| own == requested || (own.starts_with('{') && !requested.is_empty()))
    }
}

/// Fails unless the description has this response to `request`, and allows `request` if it was accepted.
/// Paths outside of `/api` do not belong to the API.
#[track_caller]
pub fn check(request: &Request, response: &Response) {
    if !request.url().path().starts_with("/api/") {
        return;
    }
    let breaches = match Operation::all().into_iter().find(|operation| operation.matches(request)) {
        Some(operation) => {
            [response_breaches(&operation, response), request_breaches(&operation, request, response)]
                .concat()
        }
        None if response.status == 404 => {
            faults(&DESCRIPTION["components"]["schemas"]["GatewayMessage"], &response.body)
        }
        None => vec!["the operation is not described".to_owned()],
    };
    let (method, path) = (request.method(), request.url().path());
    assert!(
        breaches.is_empty(),
        "the response to {method} {path}, {} {}, contradicts openapi.yaml:\n  {}",
        response.status,
        response.body,
        breaches.join("\n  ")
    );
}

/// Parts of the response that are not described, and described parts that are missing.
fn response_breaches(operation: &Operation, response: &Response) -> Vec<String> {
    let Some((_, description)) = operation.responses().find(|(status, _)| *status == response.status) else {
        return vec!["the status is not described".to_owned()];
    };
    let mut breaches = Vec::new();
    let described = description["headers"].as_object().cloned().unwrap_or_default();
    for (name, header) in &described {
        let header = resolved(header);
        match response.header(name) {
            Some(value) => breaches.extend(faults(&header["schema"], &json!(value))),
            None if header["required"] == true => breaches.push(format!("the header {name} is missing")),
            None => {}
        }
    }
    for name in response.headers.keys().map(|name| name.as_str()) {
        let is_described = described.keys().any(|described| described.eq_ignore_ascii_case(name));
        if !is_described && !NOT_DESCRIBED.contains(&name) && !name.starts_with("access-control-") {
            breaches.push(format!("the header {name} is not described"));
        }
    }
    // The gateway's own responses have a message only.
    if response.body["message"].is_null() && response.header("x-content-type-options") != Some("nosniff") {
        breaches.push("browsers may guess its type: x-content-type-options is not nosniff".to_owned());
    }
    match description["content"].as_object() {
        None if response.text.is_empty() => {}
        None => breaches.push("a body is not described".to_owned()),
        Some(content) => match content.get(response.header("content-type").unwrap_or_default()) {
            Some(media) => breaches.extend(faults(&media["schema"], &response.body)),
            None => breaches.push("the content type is not described".to_owned()),
        },
    }
    breaches
}

/// Parts of an accepted request that the description does not allow.
fn request_breaches(operation: &Operation, request: &Request, response: &Response) -> Vec<String> {
    if response.status >= 300 || response.body["debug_info"]["model"] == OTHER_MODEL {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    if let Some(body) = request.body().and_then(|body| body.as_bytes()) {
        let mut body = serde_json::from_slice(body).expect("JSON, because it was accepted");
        spell_as_listed(&mut body);
        let schema = &operation.description["requestBody"]["content"]["application/json"]["schema"];
        breaches.extend(
            faults(schema, &body).into_iter().map(|fault| format!("the request was accepted: {fault}")),
        );
    }
    for (name, _) in request.url().query_pairs() {
        let is_described = operation.parameters().any(|parameter| parameter["name"] == *name);
        if !is_described {
            breaches.push(format!("the parameter {name} was accepted and is not described"));
        }
    }
    breaches
}

/// Spells the choices of closed lists as the lists do. The API ignores case, which a schema cannot express.
fn spell_as_listed(body: &mut Value) {
    for list in labels::ALL.iter().filter(|list| list.closed) {
        if let Some(text) = body.pointer_mut(&format!("/options/{}", list.field))
            && let Some(label) = text.as_str().and_then(|text| list.find(text))
        {
            *text = json!(label.english);
        }
    }
}
