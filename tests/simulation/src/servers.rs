//! The servers of a world, called without sockets: DynamoDB is the embedded engine, S3 stores photos, fal makes
//! pictures or fails as the real one does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use dynoxide::Database;
use fastrand::Rng;
use http::{Method, Request, Response, StatusCode};
use kit::trouble::{Refusal, without_request_token};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

pub const FAL: &str = "http://fal.simulated";
/// The address of all of AWS.
pub const AWS: &str = "http://aws.simulated";

/// Which server a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    DynamoDb,
    S3,
    Fal,
}

impl Server {
    /// Reads the address, and the header that only DynamoDB's calls have.
    pub fn of(request: &Request<Bytes>) -> Self {
        match request.uri().host() {
            Some("fal.simulated") => Self::Fal,
            _ if request.headers().contains_key("x-amz-target") => Self::DynamoDb,
            _ => Self::S3,
        }
    }

    /// The call in two words, which are the same in every run.
    pub fn operation(self, request: &Request<Bytes>) -> String {
        match self {
            Self::DynamoDb => format!("DynamoDB {}", target(request)),
            Self::S3 => format!("S3 {}", request.method()),
            Self::Fal => format!("fal {}", request.method()),
        }
    }

    /// How this server refuses a call.
    pub fn refusal(self, refusal: Refusal) -> Response<Bytes> {
        match (self, refusal) {
            (Self::DynamoDb, _) => refusal.of_dynamodb(),
            (Self::S3, _) => respond(503, "<Error><Code>SlowDown</Code></Error>"),
            (Self::Fal, Refusal::InternalError) => respond(500, r#"{"detail": "boom"}"#),
            (Self::Fal, _) => respond(429, r#"{"detail": "limit", "error_type": "concurrency_limit"}"#),
        }
    }
}

pub(crate) fn respond(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn target(request: &Request<Bytes>) -> &str {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    target.and_then(|target| target.split('.').nth(1)).unwrap_or_default()
}

/// DynamoDB's response, and whether the call may have changed an item. With `forgets_tokens` it does not recognise a
/// repeated request token, as the real one does not after ten minutes.
pub fn dynamodb(
    database: &Database,
    request: &Request<Bytes>,
    forgets_tokens: bool,
) -> (Response<Bytes>, bool) {
    let operation = target(request);
    let body = &if forgets_tokens { without_request_token(request.body()) } else { request.body().clone() };
    let done = match operation {
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        other => panic!("the simulation has no {other}: add it here"),
    };
    match done {
        Ok(json) => (respond(200, &json), matches!(operation, "TransactWriteItems" | "UpdateItem")),
        Err(error) => (respond(error.status_code(), &error.to_json()), false),
    }
}

/// All items of a table, as plain JSON.
pub fn rows(database: &Database, table: &str) -> Vec<Value> {
    let request = serde_json::from_value(json!({"TableName": table, "ConsistentRead": true}));
    let page = database.scan(request.expect("a scan")).expect("the table");
    let page = serde_json::to_value(page).expect("JSON");
    page["Items"].as_array().into_iter().flatten().map(plain_item).collect()
}

/// An item without DynamoDB's type tags.
fn plain_item(item: &Value) -> Value {
    let members = item.as_object().into_iter().flatten();
    Value::Object(members.map(|(name, value)| (name.clone(), plain(value))).collect())
}

fn plain(tagged: &Value) -> Value {
    let Some((tag, value)) = tagged.as_object().and_then(|tagged| tagged.iter().next()) else {
        return Value::Null;
    };
    match (tag.as_str(), value) {
        ("N", Value::String(number)) => serde_json::from_str(number).unwrap_or_default(),
        ("L", Value::Array(list)) => list.iter().map(plain).collect(),
        ("M", map) => plain_item(map),
        _ => value.clone(),
    }
}

fn run<T: DeserializeOwned, R: Serialize>(
    body: &[u8],
    call: impl FnOnce(T) -> dynoxide::Result<R>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(body).expect("the SDK sends what DynamoDB reads");
    Ok(serde_json::to_string(&call(request)?).expect("JSON"))
}

/// The photos of a world. Signatures are tested elsewhere, against a server that checks them.
#[derive(Debug, Default)]
pub struct ObjectStore(Mutex<BTreeMap<String, Bytes>>);

impl ObjectStore {
    pub fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        let mut objects = self.0.lock().expect("no panic");
        let path = request.uri().path().to_owned();
        match *request.method() {
            Method::PUT => {
                objects.insert(path, request.into_body());
                respond(200, "")
            }
            Method::DELETE => {
                objects.remove(&path);
                respond(204, "")
            }
            _ => objects.get(&path).map_or_else(|| respond(404, ""), |object| Response::new(object.clone())),
        }
    }
}

/// How fal responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FalBehaviour {
    /// Every request makes a picture at once.
    Quick,
    /// A picture or a failure after some seconds, drawn from the seed.
    AtRandom,
    /// Every request fails.
    Broken,
    /// As `Quick`, but no webhook tells of a queued job.
    Silent,
}

/// The picture maker of a world.
#[derive(Debug)]
pub struct Fal(Mutex<FalState>);

#[derive(Debug)]
struct FalState {
    behaviour: FalBehaviour,
    rng: Rng,
    pictures: u64,
}

impl Fal {
    pub fn new(seed: u64) -> Self {
        let rng = Rng::with_seed(seed ^ 0xFA1);
        Self(Mutex::new(FalState { behaviour: FalBehaviour::Quick, rng, pictures: 0 }))
    }

    /// From now on, fal responds like this.
    pub fn behave(&self, behaviour: FalBehaviour) {
        self.0.lock().expect("no panic").behaviour = behaviour;
    }

    pub fn behaviour(&self) -> FalBehaviour {
        self.0.lock().expect("no panic").behaviour
    }

    /// How fal refuses a submission to its queue, now and then.
    pub fn refusal(&self) -> Option<Response<Bytes>> {
        let FalState { behaviour: FalBehaviour::AtRandom, rng, .. } = &mut *self.0.lock().expect("no panic")
        else {
            return None;
        };
        match rng.u8(0..20) {
            0 => Some(respond(403, r#"{"detail": "User is locked. Reason: Exhausted balance."}"#)),
            1 => Some(respond(503, r#"{"detail": "busy", "error_type": "runner_scheduling_failure"}"#)),
            _ => None,
        }
    }

    /// Responds to a request for a picture, or for the status of a queued one.
    pub async fn serve(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let is_status = request.uri().path().ends_with("/status");
        let (latency, draw) = self.draw();
        sleep(latency).await;
        match draw {
            _ if is_status && draw < 40 => respond(200, r#"{"status": "IN_PROGRESS"}"#),
            _ if is_status => respond(200, r#"{"status": "COMPLETED"}"#),
            0..78 => self.picture(false),
            78..82 if request.method() == Method::POST => {
                respond(200, r#"{"request_id": "queued-1", "status": "IN_QUEUE"}"#)
            }
            82..85 => self.picture(true),
            85..88 => respond(
                422,
                r#"{"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation"}]}"#,
            ),
            88..90 => respond(403, r#"{"detail": "User is locked. Reason: Exhausted balance."}"#),
            90..93 => respond(503, r#"{"detail": "runner", "error_type": "runner_unavailable"}"#),
            93..95 => respond(504, ""),
            95..97 => respond(200, r#"{"nonsense": true}"#),
            _ => respond(500, r#"{"detail": "boom"}"#),
        }
    }

    /// The latency, and the number of a response from 0 to 99.
    fn draw(&self) -> (Duration, u8) {
        let FalState { behaviour, rng, .. } = &mut *self.0.lock().expect("no panic");
        match behaviour {
            FalBehaviour::Quick | FalBehaviour::Silent => (Duration::from_millis(300), 50),
            FalBehaviour::Broken => (Duration::from_millis(300), 99),
            // Mostly seconds, now and then longer than the function may run.
            FalBehaviour::AtRandom if rng.u8(0..10) == 0 => {
                (Duration::from_millis(rng.u64(10_000..60_000)), rng.u8(0..100))
            }
            FalBehaviour::AtRandom => (Duration::from_millis(rng.u64(200..8_000)), rng.u8(0..100)),
        }
    }

    /// A picture. No two have the same address.
    fn picture(&self, black: bool) -> Response<Bytes> {
        let mut state = self.0.lock().expect("no panic");
        state.pictures += 1;
        let url = format!("https://v3.fal.media/files/{}.jpeg", state.pictures);
        respond(200, &json!({"images": [{"url": url}], "has_nsfw_concepts": [black]}).to_string())
    }
}
