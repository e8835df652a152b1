//! The IAM policies of each function allow exactly the AWS calls of its code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::net::{self, Trust};
use fal_double::{Fault, StrangeWebhook, WEBHOOK_USER, WebhookBehaviour};
use jiff::SignedDuration;
use local_stack::functions::{self, Deployed};
use serde_json::{Value, json};
use url::Url;

use crate::asynchronous::location;
use crate::harness::{A_PROMPT, Potret, Setup, User};
use crate::pictures;
use crate::recorder::Recorder;
use crate::tidy::template::{resources, template};
use crate::tidy::{differences, refuse};

/// The only places where a policy may end with `*`, because the keys of objects are not known beforehand.
const FOLDERS: [&str; 1] = ["UploadsBucket/uploads/*"];

/// The functions of the template with their properties.
fn deployed() -> Vec<(String, Value)> {
    let template = template();
    let properties = |resource: &str| template["Resources"][resource]["Properties"].clone();
    let functions = resources().functions.into_iter();
    functions.map(|function| (function.name, properties(&function.logical_id))).collect()
}

fn several(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// A resource of a policy as the recorded calls name it: `<logical id>/<path>`, or the parameter.
fn resource(of_policy: &Value) -> String {
    // A restored table takes the place of the stack's own, which stands last.
    let of_policy = of_policy.get("Fn::If").map_or(of_policy, |choice| &choice[2]);
    if let Some(joined) = of_policy.get("Fn::Join") {
        let text = joined[1]["Fn::Split"][1]["Fn::Sub"].as_str().expect("the name of a parameter");
        let name = text.rsplit_once("/${").expect("a parameter's name").1.trim_end_matches('}');
        let default = template()["Parameters"][name]["Default"].as_str().expect("a default").to_owned();
        // A parameter without a default has the name that the test below gives it.
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
    for (function, properties) in deployed() {
        for policy in properties["Policies"].as_array().into_iter().flatten() {
            // A policy under a condition counts as well, because the function makes the calls that it allows.
            let policy = policy.get("Fn::If").map_or(policy, |choice| &choice[1]);
            let statements = policy["Statement"].as_array().expect("an inline policy, not a managed one");
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

/// A stack whose AWS calls are recorded.
struct Recorded {
    potret: Potret,
    recorders: [Arc<Recorder>; 3],
    ssm_url: String,
    names: BTreeMap<String, String>,
    _behind: Potret,
}

impl Recorded {
    async fn start() -> Self {
        let behind = Potret::start().await;
        let (dynamodb_url, dynamodb) = Recorder::before(Some(behind.stack.dynamodb.endpoint())).await;
        let (s3_url, s3) = Recorder::before(Some(behind.stack.s3.endpoint())).await;
        let (ssm_url, ssm) = Recorder::before(None).await;
        let setup = Setup::default().setting("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url);
        let setup = setup.setting("AWS_ENDPOINT_URL_S3", s3_url).setting("PULL_AFTER_SECONDS", "1");
        let potret = setup.start().await;
        // A webhook is another function's invocation, whose calls would be recorded as well.
        potret.fal().webhooks(WebhookBehaviour { lost: true, ..WebhookBehaviour::default() });
        let tables = potret.tables();
        let names = [
            (tables.profiles.name().to_owned(), "ProfilesTable"),
            (tables.generations.name().to_owned(), "GenerationsTable"),
            (tables.ledger.name().to_owned(), "LedgerTable"),
            (potret.bucket().to_owned(), "UploadsBucket"),
        ];
        let names = names.map(|(local, logical)| (local, logical.to_owned())).into();
        Self { potret, recorders: [dynamodb, s3, ssm], ssm_url, names, _behind: behind }
    }

    /// Forgets the calls up to here.
    fn begin(&self) {
        self.recorders.iter().for_each(|recorder| drop(recorder.take_needed()));
    }

    /// The calls since, in the form of [`allowed`].
    fn needed_by(&self, function: &str) -> BTreeSet<String> {
        let needed = self.recorders.iter().flat_map(|recorder| recorder.take_needed());
        let logical = |call: String| {
            let (action, on) = call.split_once(" on ").expect("a resource");
            let (name, path) =
                on.split_once('/').map_or((on, String::new()), |(name, path)| (name, format!("/{path}")));
            format!("{function}: {action} on {}{path}", self.names.get(name).map_or(name, String::as_str))
        };
        needed.map(logical).collect()
    }

    /// Starts a function as Lambda does, so that it reads its secrets from the recorded Systems Manager.
    async fn start_function(&self, function: &Deployed, environment: &BTreeMap<String, String>) {
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some(self.ssm_url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            "JWT_SECRET_PARAMETER" => Some("/JwtSecretParameter".to_owned()),
            "JWT_ISSUER" => Some("https://issuer.example".to_owned()),
            _ => environment.get(name).cloned(),
        };
        let started = function.connect(&lookup, net::client(Trust::MozillaThenSystem)).await;
        assert!(started.is_ok(), "{} does not start: {:?}", function.name, started.err());
    }
}

/// A little longer than `PULL_AFTER_SECONDS`.
const UNTIL_FAL_IS_ASKED: Duration = Duration::from_millis(1_100);

/// Goes through every path of generate-image: photos in the body and uploaded, replays, failures, expired
/// holds, asynchronous batches that are waited for, repeated, and refused by fal.
async fn generate_in_every_way(potret: &Potret, merchant: &User, uploaded: &str) {
    potret.leave_an_expired_hold().await;
    let photos = json!({"prompt": "a bag", "face_image": pictures::png(), "product_images": [uploaded]});
    for (key, body) in [("text", A_PROMPT.clone()), ("photos", photos)] {
        for _ in 0..2 {
            assert_eq!(merchant.generate_with_key(key, &body).await.status, 200);
        }
    }
    let gone = json!({"prompt": "a bag", "face_image": format!("upload:{}", "0".repeat(32))});
    assert_eq!(merchant.generate_with_key("gone", &gone).await.status, 422);
    potret.fal_fails(Fault::InternalError);
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 502);
    potret.fal_fails(Fault::AccountLocked);
    assert_eq!(merchant.start("refused", "respond-async").await.status, 503);
    potret.fal().clear_faults();
    location(&merchant.start("async", "respond-async, wait=1").await);
    tokio::time::sleep(UNTIL_FAL_IS_ASKED).await;
    assert_eq!(merchant.start("async", "respond-async").await.status, 200);
}

/// Leaves asynchronous batches for a later look: one that fal has made, one that failed at fal, and one
/// past its lease. Returns where they are.
async fn batches_that_are_due(potret: &Potret, merchant: &User, key: &str) -> [String; 3] {
    potret.fal_fails_once(Fault::ContentPolicyViolation, 0);
    let photos = json!({"prompt": "a bag", "face_image": pictures::png()});
    let start = async |key: String| location(&merchant.start_with(&key, "respond-async", &photos).await);
    let failed = start(format!("{key}-failed")).await;
    let made = start(format!("{key}-made")).await;
    let (expired, _) = potret.leave_a_running_batch(SignedDuration::from_mins(20)).await;
    tokio::time::sleep(UNTIL_FAL_IS_ASKED).await;
    [made, failed, format!("/api/generations/{}", expired.generation_id)]
}

/// Goes through every path of fal-webhook: a wrong address, both pictures, a failure, and what comes late.
async fn tell_in_every_way(potret: &Potret, batches: &[[Url; 2]]) {
    let [delivered, failed] = batches else { panic!("two batches") };
    let ok = json!({"status": "OK", "payload": {"images": [{"url": "https://v3.fal.media/files/a.jpg"}]}});
    let error = json!({"status": "ERROR", "error": "Invalid status code: 500", "payload": {"detail": "x"}});
    let mut wrong = delivered[0].clone();
    wrong.set_path("/api/fal-webhook/made-by-nobody");
    let [first, second] = delivered;
    let late = first;
    for (url, report, status) in [
        (&wrong, &ok, 404),
        (first, &ok, 200),
        (second, &ok, 200),
        (late, &ok, 200),
        (&failed[1], &error, 200),
        (&failed[0], &ok, 200),
    ] {
        let mut body = report.clone();
        body["request_id"] = json!("r");
        let (request_id, user_id) = ("r".to_owned(), WEBHOOK_USER.to_owned());
        let webhook = StrangeWebhook { url: url.to_string(), body, request_id, user_id };
        assert_eq!(potret.fal().send_webhook(webhook).await.status, Some(status), "{report}");
    }
}

#[tokio::test]
async fn the_policies_of_every_function_allow_exactly_the_calls_of_its_code() {
    let recorded = Recorded::start().await;
    let potret = &recorded.potret;
    let merchant = potret.user_with("merchant", 20).await;
    let environments: BTreeMap<_, _> =
        resources().functions.into_iter().map(|function| (function.name, function.environment)).collect();
    let mut needed = BTreeSet::new();
    for function in functions::ALL {
        // What other functions have to do beforehand.
        let uploaded = merchant.upload("image/jpeg", pictures::jpeg_file()).await;
        let (mut due, mut told) = (Vec::new(), Vec::new());
        match function.name {
            "generations" | "heal-batches" => {
                due.extend(batches_that_are_due(potret, &merchant, function.name).await);
            }
            "fal-webhook" => {
                for _ in 0..2 {
                    told.push(potret.leave_a_running_batch(SignedDuration::ZERO).await.1);
                }
            }
            _ => {}
        }
        recorded.begin();
        recorded.start_function(&function, &environments[function.name]).await;
        match function.name {
            "generate-image" => generate_in_every_way(potret, &merchant, &uploaded).await,
            "fal-webhook" => tell_in_every_way(potret, &told).await,
            "heal-batches" => {
                assert_eq!(potret.call(function.name, &json!({})).await, Ok(json!({"due": 3, "ended": 3})));
            }
            "generations" => {
                let list = merchant.get("/api/generations").await;
                assert_eq!(list.status, 200);
                let mut ended = Vec::new();
                for place in &due {
                    ended.push(merchant.get(place).await.body["status"].clone());
                }
                assert_eq!(ended, ["succeeded", "failed", "expired"]);
            }
            "coin-balance" => drop(merchant.coins().await),
            "create-upload" => drop(merchant.upload("image/jpeg", pictures::jpeg_file()).await),
            "debug-last-prompt" | "prompt-options" | "api-description" => {
                assert_eq!(merchant.get(function.routes[0].path).await.status, 200);
            }
            "prompt-preview" => {
                let body = json!({"options": {"category": "Fashion", "content_type": "Non Model"}});
                assert_eq!(merchant.post("/api/prompt-preview", &body).await.status, 200);
            }
            "add-coins" => {
                let payment = json!({"user_id": "merchant", "coins": 1, "reference": "one-more"});
                potret.add_coins(&payment).await.expect("coins");
                potret.add_coins(&payment).await.expect("the same coins");
            }
            "take-coins" => {
                let refund = json!({"user_id": "merchant", "coins": 1, "reference": "refund"});
                potret.call("take-coins", &refund).await.expect("taken");
                potret.call("take-coins", &refund).await.expect("taken before");
            }
            "authorizer" => {}
            other => panic!("add an arm that goes through every path of {other}"),
        }
        needed.extend(recorded.needed_by(function.name));
    }
    let breaches = differences("the policies of template.yaml", allowed(), "the calls of the code", needed);
    refuse(&breaches, "allow the calls of the function in template.yaml, and no others:");
}

#[test]
fn no_policy_has_a_wildcard_and_no_permission_comes_from_outside_the_policies() {
    let mut breaches = Vec::new();
    for line in allowed() {
        let (_, allowed) = line.split_once(": ").expect("a function");
        let (action, on) = allowed.split_once(" on ").expect("a resource");
        if action.contains('*') || on.contains('*') && !FOLDERS.contains(&on) {
            breaches.push(line);
        }
    }
    let template = template();
    // SAM adds two managed policies: one for logs, and, with tracing, one for xray:Put… on every resource,
    // because X-Ray has no resources. A function with a role of its own would not have the policies that are
    // checked here.
    assert_eq!(template["Globals"]["Function"]["Tracing"], "Active");
    for (function, properties) in deployed() {
        for other in ["Role", "Connectors", "PermissionsBoundary"] {
            if properties.get(other).is_some() {
                breaches.push(format!("{function} has {other}"));
            }
        }
    }
    refuse(&breaches, "name the action and the resource:");
}

#[test]
fn the_ledger_is_append_only_for_every_role() {
    let changes: Vec<_> = allowed().into_iter().filter(|line| line.ends_with("LedgerTable")).collect();
    let appending =
        ["add-coins", "fal-webhook", "generate-image", "generations", "heal-batches", "take-coins"];
    assert_eq!(changes, appending.map(|name| format!("{name}: dynamodb:PutItem on LedgerTable")));
    let policy = &template()["Resources"]["LedgerTable"]["Properties"]["ResourcePolicy"]["PolicyDocument"];
    let statement = &policy["Statement"][0];
    assert_eq!((&statement["Effect"], &statement["Principal"]), (&json!("Deny"), &json!("*")));
    let actions = several(&statement["Action"]);
    for action in
        ["UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete", "UpdateTimeToLive"]
    {
        assert!(actions.contains(&json!(format!("dynamodb:{action}"))), "{action}");
    }
    let deletion = json!(["TablesAreProtected", "dynamodb:DeleteTable", {"Ref": "AWS::NoValue"}]);
    assert!(actions.contains(&json!({"Fn::If": deletion})), "{actions:?}");
}

#[test]
fn the_bucket_is_private_and_refuses_plain_http() {
    let template = template();
    let access = &template["Resources"]["UploadsBucket"]["Properties"]["PublicAccessBlockConfiguration"];
    for way in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
        assert_eq!(access[way], true, "{way}");
    }
    let policy = &template["Resources"]["UploadsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    assert_eq!(policy.as_array().expect("statements").len(), 1, "no statement allows anything");
    assert_eq!((&policy[0]["Effect"], &policy[0]["Action"]), (&json!("Deny"), &json!("s3:*")));
    assert_eq!(policy[0]["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    assert_eq!(policy[0]["Resource"].as_array().expect("resources").len(), 2, "the bucket and its objects");
}

/// A property that a condition sets to a parameter, or leaves out.
fn limit(condition: &str, parameter: &str) -> Value {
    json!({"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]})
}

#[test]
fn the_concurrency_of_every_function_is_limited_and_the_api_is_throttled() {
    let template = template();
    let shared = &template["Globals"]["Function"]["ReservedConcurrentExecutions"];
    assert_eq!(*shared, limit("LimitsOthers", "OtherConcurrency"));
    for (function, properties) in deployed() {
        let own = properties.get("ReservedConcurrentExecutions");
        let expected = limit("LimitsGenerateImage", "GenerateImageConcurrency");
        assert_eq!(own, (function == "generate-image").then_some(&expected), "{function}");
    }
    let throttling = &template["Resources"]["Api"]["Properties"]["DefaultRouteSettings"];
    assert_eq!(throttling["ThrottlingBurstLimit"], json!({"Ref": "ThrottlingBurst"}));
    assert_eq!(throttling["ThrottlingRateLimit"], json!({"Ref": "ThrottlingRate"}));
    // Anybody can call these routes, so their limits are their own: the users' share stays theirs.
    let settings = &template["Resources"]["Api"]["Properties"]["RouteSettings"];
    let open = resources().routes.into_iter().filter(|route| route.public);
    let expected = open.map(|route| {
        let whose = if route.function == "fal-webhook" { "Webhook" } else { "OpenRoute" };
        let limit = |kind: &str| json!({"Ref": format!("{whose}{kind}")});
        let own = json!({"ThrottlingBurstLimit": limit("Burst"), "ThrottlingRateLimit": limit("Rate")});
        (route.route_key, own)
    });
    assert_eq!(*settings, Value::Object(expected.collect()));
}
