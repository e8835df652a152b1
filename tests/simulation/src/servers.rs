//! The servers of the world, called without sockets: DynamoDB is the embedded engine, S3 keeps photos, fal makes
//! pictures or fails as fal does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use dynoxide::Database;
use fastrand::Rng;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::network::Refusal;

/// fal's address in the world.
pub const FAL: &str = "http://fal.simulated";

/// The address of everything of AWS.
pub const AWS: &str = "http://aws.simulated";

/// Which server a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// The tables.
    DynamoDb,
    /// The bucket.
    S3,
    /// The picture maker.
    Fal,
}

impl Called {
    /// Reads the address, and between AWS's services the header that only DynamoDB's calls have.
    #[must_use]
    pub fn of(request: &Request<Bytes>) -> Self {
        match request.uri().host() {
            Some("fal.simulated") => Self::Fal,
            _ if request.headers().contains_key("x-amz-target") => Self::DynamoDb,
            _ => Self::S3,
        }
    }

    /// The call in a word or two, without anything that differs from run to run.
    #[must_use]
    pub fn operation(self, request: &Request<Bytes>) -> String {
        match self {
            Self::DynamoDb => format!("DynamoDB {}", target(request)),
            Self::S3 => format!("S3 {}", request.method()),
            Self::Fal if request.method() == Method::POST => "fal POST".to_owned(),
            Self::Fal => "fal GET".to_owned(),
        }
    }

    /// How this server turns a call away.
    #[must_use]
    pub fn refusal(self, refusal: Refusal) -> Response<Bytes> {
        match (self, refusal) {
            (Self::DynamoDb, Refusal::Throttled) => fault(400, "ThrottlingException", Value::Null),
            (Self::DynamoDb, Refusal::Conflict) => {
                let reasons =
                    json!([{"Code": "TransactionConflict", "Message": "in conflict"}, {"Code": "None"}]);
                fault(400, "TransactionCanceledException", reasons)
            }
            (Self::DynamoDb, Refusal::InternalError) => fault(500, "InternalServerError", Value::Null),
            (Self::S3, _) => answer(503, "<Error><Code>SlowDown</Code></Error>"),
            (Self::Fal, Refusal::InternalError) => answer(500, r#"{"detail": "boom"}"#),
            (Self::Fal, _) => answer(429, r#"{"detail": "limit", "error_type": "concurrency_limit"}"#),
        }
    }
}

fn fault(status: u16, kind: &str, reasons: Value) -> Response<Bytes> {
    let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": kind});
    if !reasons.is_null() {
        body["CancellationReasons"] = reasons;
    }
    answer(status, &body.to_string())
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

fn target(request: &Request<Bytes>) -> &str {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    target.and_then(|target| target.split('.').nth(1)).unwrap_or_default()
}

/// Answers a DynamoDB call, and tells whether it changed something. A `forgetful` server knows no request token again,
/// as the real one does not after ten minutes.
#[must_use]
pub fn dynamodb(database: &Database, request: &Request<Bytes>, forgetful: bool) -> (Response<Bytes>, bool) {
    let operation = target(request);
    let body = &if forgetful { without_token(request.body()) } else { request.body().clone() };
    let done = match operation {
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        "GetItem" => run(body, |request| database.get_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        other => panic!("no function calls {other}, or the simulation must learn it"),
    };
    match done {
        Ok(json) => (answer(200, &json), operation == "TransactWriteItems"),
        Err(error) => (answer(error.status_code(), &error.to_json()), false),
    }
}

fn without_token(body: &[u8]) -> Bytes {
    let mut body: Value = serde_json::from_slice(body).expect("the SDK sends JSON");
    body.as_object_mut().expect("an object").remove("ClientRequestToken");
    body.to_string().into()
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
    /// Answers an S3 call.
    pub fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        let mut objects = self.0.lock().expect("no panic");
        let path = request.uri().path().to_owned();
        match *request.method() {
            Method::PUT => {
                objects.insert(path, request.into_body());
                answer(200, "")
            }
            _ => objects.get(&path).map_or_else(|| answer(404, ""), |object| Response::new(object.clone())),
        }
    }
}

/// How fal takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// A picture at once.
    Quick,
    /// A picture or a failure, as fal's own generator draws it, after seconds.
    Seeded,
    /// Every request fails.
    Broken,
}

/// The picture maker of a world.
#[derive(Debug)]
pub struct Fal {
    mood: Mutex<Mood>,
    rng: Mutex<Rng>,
    pictures: Mutex<u64>,
}

impl Fal {
    /// fal in `mood`.
    #[must_use]
    pub fn new(seed: u64, mood: Mood) -> Self {
        Self {
            mood: Mutex::new(mood),
            rng: Mutex::new(Rng::with_seed(seed ^ 0xFA1)),
            pictures: Mutex::new(0),
        }
    }

    /// From now on, fal is in `mood`.
    pub fn be(&self, mood: Mood) {
        *self.mood.lock().expect("no panic") = mood;
    }

    /// Answers a request for a picture, or a look at a place in the queue.
    pub async fn serve(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let is_status = request.uri().path().ends_with("/status");
        let (latency, draw) = self.draw();
        sleep(latency).await;
        match draw {
            _ if is_status && draw < 40 => answer(200, r#"{"status": "IN_PROGRESS"}"#),
            _ if is_status => answer(200, r#"{"status": "COMPLETED"}"#),
            0..78 => self.picture(false),
            78..82 if request.method() == Method::POST => {
                answer(200, r#"{"request_id": "queued-1", "status": "IN_QUEUE"}"#)
            }
            82..85 => self.picture(true),
            85..88 => answer(
                422,
                r#"{"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation"}]}"#,
            ),
            88..90 => answer(403, r#"{"detail": "User is locked. Reason: Exhausted balance."}"#),
            90..93 => answer(503, r#"{"detail": "runner", "error_type": "runner_unavailable"}"#),
            93..95 => answer(504, ""),
            95..97 => answer(200, r#"{"nonsense": true}"#),
            _ => answer(500, r#"{"detail": "boom"}"#),
        }
    }

    fn draw(&self) -> (Duration, u8) {
        let mut rng = self.rng.lock().expect("no panic");
        match *self.mood.lock().expect("no panic") {
            Mood::Quick => (Duration::from_millis(300), 50),
            Mood::Broken => (Duration::from_millis(300), 99),
            // Mostly seconds, now and then longer than the function may run.
            Mood::Seeded if rng.u8(0..10) == 0 => {
                (Duration::from_millis(rng.u64(10_000..60_000)), rng.u8(0..100))
            }
            Mood::Seeded => (Duration::from_millis(rng.u64(200..8_000)), rng.u8(0..100)),
        }
    }

    /// No two pictures have the same address.
    fn picture(&self, black: bool) -> Response<Bytes> {
        let mut pictures = self.pictures.lock().expect("no panic");
        *pictures += 1;
        let url = format!("https://v3.fal.media/files/{pictures}.jpeg");
        answer(200, &json!({"images": [{"url": url}], "has_nsfw_concepts": [black]}).to_string())
    }
}
