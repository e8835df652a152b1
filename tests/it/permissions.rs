//! What each function may do on AWS is what its code calls there: nothing is missing, and nothing is left over.

use std::collections::{BTreeMap, BTreeSet};

use common::net::{self, Trust};
use common::settings::Lookup;
use fal_double::Fault;
use local_stack::functions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Potret, Setup, User, a_prompt};
use crate::metrics::leave_a_hold_past_its_lease;
use crate::pictures;
use crate::recorder::Recorder;
use crate::tidy::refuse;
use crate::tidy::template::{differences, resources, template};

/// Where a policy may end with `*`: the keys of a bucket's objects cannot be listed, but for this folder.
const FOLDERS: [&str; 1] = ["UploadsBucket/uploads/*"];

/// The functions of the template with their properties.
fn functions() -> Vec<(String, Value)> {
    let resources = template()["Resources"].as_object().expect("resources").clone();
    let functions =
        resources.into_values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let name = |function: &Value| {
        function["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a name").to_owned()
    };
    functions.map(|function| (name(&function), function["Properties"].clone())).collect()
}

fn several(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// A resource of a policy as the calls name it: `<logical id>/<path>`, or the parameter.
fn resource(of_policy: &Value) -> String {
    if let Some(joined) = of_policy.get("Fn::Join") {
        let text = joined[1]["Fn::Split"][1]["Fn::Sub"].as_str().expect("the name of a parameter");
        let name = text.rsplit_once("/${").expect("a parameter's name").1.trim_end_matches('}');
        let default = template()["Parameters"][name]["Default"].as_str().expect("a default").to_owned();
        // A parameter that is left out by default is called as its setting's test calls it.
        return if default.is_empty() { format!("parameter/{name}") } else { format!("parameter{default}") };
    }
    if let Some(attribute) = of_policy.get("Fn::GetAtt") {
        assert_eq!(attribute[1], "Arn");
        return attribute[0].as_str().expect("a name").to_owned();
    }
    let text = of_policy.get("Fn::Sub").unwrap_or(of_policy).as_str().expect("a text");
    text.replace("${", "").replace(".Arn}", "")
}

/// `<function>: <action> on <resource>` for everything that the template allows.
fn allowed() -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for (function, properties) in functions() {
        for policy in properties["Policies"].as_array().into_iter().flatten() {
            // A policy that a condition may leave out counts: the function calls what it allows.
            let policy = policy.get("Fn::If").map_or(policy, |choice| &choice[1]);
            let statements = policy["Statement"].as_array().expect("a policy of our own, and no managed one");
            for statement in statements {
                assert_eq!(statement["Effect"], "Allow", "{function}");
                assert!(statement.get("NotAction").or(statement.get("NotResource")).is_none(), "{function}");
                for action in several(&statement["Action"]) {
                    for on in several(&statement["Resource"]) {
                        let action = action.as_str().expect("a text");
                        allowed.insert(format!("{function}: {action} on {}", resource(&on)));
                    }
                }
            }
        }
    }
    allowed
}

/// A stack whose calls of AWS are written down.
struct Recorded {
    potret: Potret,
    recorders: [Recorder; 3],
    names: BTreeMap<String, String>,
    _behind: Potret,
}

impl Recorded {
    async fn start() -> Self {
        let behind = Potret::start().await;
        let dynamodb = Recorder::before(Some(behind.stack.dynamodb.endpoint())).await;
        let s3 = Recorder::before(Some(behind.stack.s3.endpoint())).await;
        let ssm = Recorder::before(None).await;
        let setup = Setup::default().setting("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint.as_str());
        let potret = setup.setting("AWS_ENDPOINT_URL_S3", s3.endpoint.as_str()).start().await;
        let tables = potret.tables();
        let names = [
            (tables.profiles.name().to_owned(), "ProfilesTable"),
            (tables.generations.name().to_owned(), "GenerationsTable"),
            (tables.ledger.name().to_owned(), "LedgerTable"),
            (potret.bucket().to_owned(), "UploadsBucket"),
        ];
        let names = names.map(|(local, logical)| (local, logical.to_owned())).into();
        Self { potret, recorders: [dynamodb, s3, ssm], names, _behind: behind }
    }

    /// Forgets what was needed to get here.
    fn begin(&self) {
        self.recorders.iter().for_each(|recorder| drop(recorder.take_needed()));
    }

    /// What was needed since, as [`allowed`] says it.
    fn needed_by(&self, function: &str) -> BTreeSet<String> {
        let needed = self.recorders.iter().flat_map(Recorder::take_needed);
        let logical = |call: String| {
            let (action, on) = call.split_once(" on ").expect("a resource");
            let (name, path) =
                on.split_once('/').map_or((on, String::new()), |(name, path)| (name, format!("/{path}")));
            format!("{function}: {action} on {}{path}", self.names.get(name).map_or(name, String::as_str))
        };
        needed.map(logical).collect()
    }

    /// Starts a function as Lambda would, so that it reads its secrets from the recorded Systems Manager.
    async fn start_function(&self, name: &str, lookup: &Lookup<'_>) {
        let endpoint = self.recorders[2].endpoint.to_string();
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => lookup(name),
        };
        let function = functions::named(name).expect("a function that is deployed");
        assert!(
            function.connect(&lookup, net::client(Trust::MozillaThenSystem)).await.is_ok(),
            "{name} starts"
        );
    }
}

async fn get(user: &User<'_>, path: &str) -> Answer {
    Answer::of(user.request(Method::GET, path)).await
}

/// A place for a photo, and the photo put there as a page puts it.
async fn upload(user: &User<'_>) -> String {
    let photo = pictures::file(image::ImageFormat::Jpeg, 640, 480);
    let body = json!({"content_type": "image/jpeg", "content_length": photo.len()});
    let created = Answer::of(user.request(Method::POST, "/api/uploads").json(&body)).await.body;
    let url = created["url"].as_str().expect("a URL");
    let put = user.potret.http.put(url).header("content-type", "image/jpeg").body(photo);
    assert!(put.send().await.expect("an answer").status().is_success());
    format!("upload:{}", created["upload_id"].as_str().expect("an id"))
}

/// Goes through everything that generate-image does: both ways of a photo, replays, failures, expired holds.
async fn generate_in_every_way(merchant: &User<'_>, uploaded: &str) {
    leave_a_hold_past_its_lease(merchant.potret).await;
    let photos = json!({"prompt": "a bag", "face_image": pictures::png(), "product_images": [uploaded]});
    for (key, body) in [("text", a_prompt()), ("photos", photos)] {
        for _ in 0..2 {
            assert_eq!(merchant.generate_with_key(key, &body).await.status, 200);
        }
    }
    let gone = json!({"prompt": "a bag", "face_image": format!("upload:{}", "0".repeat(32))});
    assert_eq!(merchant.generate_with_key("gone", &gone).await.status, 422);
    merchant.potret.fal_fails(Fault::InternalError);
    assert_eq!(merchant.generate(&a_prompt()).await.status, 502);
    merchant.potret.fal().clear_faults();
}

#[tokio::test]
async fn every_function_may_do_what_its_code_calls_and_nothing_else() {
    let recorded = Recorded::start().await;
    let merchant = recorded.potret.user_with("merchant", 10).await;
    let environments: BTreeMap<_, _> =
        resources().functions.into_iter().map(|function| (function.name, function.environment)).collect();
    let mut needed = BTreeSet::new();
    for (function, _) in functions() {
        let lookup = |name: &str| environments[&function].get(name).cloned();
        let uploaded = upload(&merchant).await;
        recorded.begin();
        match function.as_str() {
            "generate-image" => {
                recorded.start_function(&function, &lookup).await;
                generate_in_every_way(&merchant, &uploaded).await;
            }
            "generations" => {
                recorded.start_function(&function, &lookup).await;
                let list = get(&merchant, "/api/generations").await;
                let id = list.body["generations"][0]["generation_id"].as_str().expect("an id").to_owned();
                assert_eq!(get(&merchant, &format!("/api/generations/{id}")).await.status, 200);
            }
            "coin-balance" => drop(merchant.coins().await),
            "debug-last-prompt" => assert_eq!(merchant.last_prompt().await.status, 200),
            "create-upload" => drop(upload(&merchant).await),
            "prompt-options" => assert_eq!(get(&merchant, "/api/prompt-options").await.status, 200),
            "api-description" => assert_eq!(get(&merchant, "/api/openapi.json").await.status, 200),
            "prompt-preview" => {
                let body = json!({"options": {"category": "Fashion", "content_type": "Non Model"}});
                let request = merchant.request(Method::POST, "/api/prompt-preview").json(&body);
                assert_eq!(Answer::of(request).await.status, 200);
            }
            "add-coins" => {
                let payment = json!({"user_id": "merchant", "coins": 1, "reference": "one-more"});
                recorded.potret.add_coins(&payment).await.expect("coins");
                recorded.potret.add_coins(&payment).await.expect("the same coins");
            }
            "authorizer" => {
                let with_secret = |name: &str| match name {
                    "JWT_SECRET_PARAMETER" => Some("/JwtSecretParameter".to_owned()),
                    "JWT_ISSUER" => Some("https://issuer.example".to_owned()),
                    _ => lookup(name),
                };
                recorded.start_function(&function, &with_secret).await;
            }
            other => panic!("say here what {other} does"),
        }
        needed.extend(recorded.needed_by(&function));
    }
    refuse(
        &differences(&allowed(), "the policies of template.yaml", &needed, "what the code calls"),
        "allow in template.yaml what the function calls, and nothing else:",
    );
}

#[test]
fn no_policy_of_a_function_has_a_wildcard_or_comes_from_elsewhere() {
    let mut breaches = Vec::new();
    for line in allowed() {
        let (_, allowed) = line.split_once(": ").expect("a function");
        let (action, on) = allowed.split_once(" on ").expect("a resource");
        if action.contains('*') || on.contains('*') && !FOLDERS.contains(&on) {
            breaches.push(line);
        }
    }
    let template = template();
    // SAM adds two managed policies: for logs, and, with tracing, xray:Put… on everything, because X-Ray has no
    // resources. With a role of its own a function would have none of the policies that are checked here.
    assert_eq!(template["Globals"]["Function"]["Tracing"], "Active");
    for (function, properties) in functions() {
        for elsewhere in ["Role", "Connectors", "PermissionsBoundary"] {
            if properties.get(elsewhere).is_some() {
                breaches.push(format!("{function} has {elsewhere}"));
            }
        }
    }
    refuse(&breaches, "name the action and the resource:");
}

#[test]
fn the_ledger_is_append_only_for_every_role() {
    let changes: Vec<_> = allowed().into_iter().filter(|line| line.ends_with("LedgerTable")).collect();
    assert_eq!(
        changes,
        ["add-coins: dynamodb:PutItem on LedgerTable", "generate-image: dynamodb:PutItem on LedgerTable"]
    );
    let policy = &template()["Resources"]["LedgerTable"]["Properties"]["ResourcePolicy"]["PolicyDocument"];
    let statement = &policy["Statement"][0];
    assert_eq!((&statement["Effect"], &statement["Principal"]), (&json!("Deny"), &json!("*")));
    for action in ["UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete"] {
        assert!(several(&statement["Action"]).contains(&json!(format!("dynamodb:{action}"))), "{action}");
    }
}

#[test]
fn the_bucket_is_private_and_refuses_plain_http() {
    let template = template();
    let access = &template["Resources"]["UploadsBucket"]["Properties"]["PublicAccessBlockConfiguration"];
    for way in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(access[way], true, "{way}");
    }
    let policy = &template["Resources"]["UploadsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    assert_eq!(policy.as_array().expect("statements").len(), 1, "nothing is allowed to anybody");
    assert_eq!((&policy[0]["Effect"], &policy[0]["Action"]), (&json!("Deny"), &json!("s3:*")));
    assert_eq!(policy[0]["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    assert_eq!(policy[0]["Resource"].as_array().expect("resources").len(), 2, "the bucket and what is in it");
}

#[test]
fn every_function_has_its_part_of_the_spend_fuse_and_the_api_is_throttled() {
    let template = template();
    let limit = |condition: &str, parameter: &str| json!({"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]});
    let shared = &template["Globals"]["Function"]["ReservedConcurrentExecutions"];
    assert_eq!(*shared, limit("LimitsOthers", "OtherConcurrency"));
    for (function, properties) in functions() {
        let own = properties.get("ReservedConcurrentExecutions");
        let expected = limit("LimitsGenerateImage", "GenerateImageConcurrency");
        assert_eq!(own, (function == "generate-image").then_some(&expected), "{function}");
    }
    let api = &template["Resources"]["Api"]["Properties"]["DefaultRouteSettings"];
    assert_eq!(
        *api,
        json!({"ThrottlingBurstLimit": {"Ref": "ThrottlingBurst"}, "ThrottlingRateLimit": {"Ref": "ThrottlingRate"}})
    );
}
