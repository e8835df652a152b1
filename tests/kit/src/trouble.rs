//! What can go wrong with a call to a server, and which calls it happens to: planned, or at random from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The request never reaches the server.
    RequestLost,
    /// The request reaches the server late, perhaps after its caller gave up or died.
    RequestDelayed(Duration),
    /// The server applies the request, and the connection breaks before the reply.
    ReplyLost,
    /// The server applies the request, and its reply arrives late.
    ReplyDelayed(Duration),
    /// The request disappears without a reply, and the connection stays open.
    NoReply,
    /// The server refuses the request and applies nothing.
    Refused(Refusal),
    /// The server applies the request, and replies that it failed.
    AppliedThenError,
}

/// Why a server refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are too many requests.
    Throttled,
    /// Another transaction is changing the same items.
    Conflict,
    /// The server fails.
    InternalError,
}

/// Why a caller gets no proper reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There was no connection.
    NotSent,
    /// The connection broke before the reply.
    ReplyLost,
    /// The server's reply is a refusal.
    Refused(Refusal),
}

/// Has a call served under `trouble`. Once the request is sent, the server serves it even when the caller is gone.
pub async fn deliver<R: Send + 'static>(
    trouble: Option<Trouble>,
    serve: impl Future<Output = R> + Send + 'static,
) -> Result<R, Failure> {
    match trouble {
        Some(Trouble::RequestLost) => return Err(Failure::NotSent),
        Some(Trouble::NoReply) => return std::future::pending().await,
        Some(Trouble::Refused(refusal)) => return Err(Failure::Refused(refusal)),
        _ => {}
    }
    let sent = tokio::spawn(async move {
        if let Some(Trouble::RequestDelayed(delay)) = trouble {
            sleep(delay).await;
        }
        let reply = serve.await;
        if let Some(Trouble::ReplyDelayed(delay)) = trouble {
            sleep(delay).await;
        }
        reply
    });
    let reply = sent.await.expect("the server does not panic");
    match trouble {
        Some(Trouble::ReplyLost) => Err(Failure::ReplyLost),
        Some(Trouble::AppliedThenError) => Err(Failure::Refused(Refusal::InternalError)),
        _ => Ok(reply),
    }
}

impl Refusal {
    /// DynamoDB's reply.
    pub fn of_dynamodb(self) -> Response<Bytes> {
        let (status, kind) = match self {
            Self::Throttled => (StatusCode::BAD_REQUEST, "ThrottlingException"),
            Self::Conflict => (StatusCode::BAD_REQUEST, "TransactionCanceledException"),
            Self::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        };
        let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": "a test's refusal"});
        if self == Self::Conflict {
            body["CancellationReasons"] =
                json!([{"Code": "None"}, {"Code": "TransactionConflict", "Message": "ongoing"}]);
        }
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        let json = http::HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        response
    }
}

/// Planned trouble: `times` calls of `operation` meet it, after `skip` calls that do not.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub operation: &'static str,
    pub trouble: Trouble,
    pub skip: u32,
    pub times: u32,
}

/// Trouble at random. The same seed makes the same trouble for the same calls.
#[derive(Debug)]
pub struct Chance {
    rng: Rng,
    odds: u8,
    longest_delay: Duration,
}

impl Chance {
    /// Twelve calls in `odds` meet trouble, three of them a lost reply.
    pub fn new(seed: u64, odds: u8, longest_delay: Duration) -> Self {
        Self { rng: Rng::with_seed(seed), odds, longest_delay }
    }

    fn draw(&mut self, operation: &str) -> Option<Trouble> {
        let delay = self.longest_delay.mul_f64(self.rng.f64());
        Some(match self.rng.u8(0..self.odds) {
            0 | 1 => Trouble::RequestLost,
            2 => Trouble::RequestDelayed(delay),
            3..=5 => Trouble::ReplyLost,
            6 => Trouble::ReplyDelayed(delay),
            7 => Trouble::NoReply,
            8 => Trouble::Refused(Refusal::Throttled),
            9 if operation.contains("TransactWriteItems") => Trouble::Refused(Refusal::Conflict),
            9 => Trouble::Refused(Refusal::Throttled),
            10 => Trouble::Refused(Refusal::InternalError),
            11 => Trouble::AppliedThenError,
            _ => return None,
        })
    }
}

/// Decides which trouble each call meets, and remembers all calls.
#[derive(Debug, Default)]
pub struct Troubles {
    plans: Vec<Plan>,
    chance: Option<Chance>,
    calls: Vec<String>,
    met: BTreeMap<String, u64>,
}

impl Troubles {
    pub fn plan(&mut self, plan: Plan) {
        self.plans.push(plan);
    }

    /// From now on, calls without a plan meet trouble at random.
    pub fn at_random(&mut self, chance: Chance) {
        self.chance = Some(chance);
    }

    /// Ends all trouble.
    pub fn recover(&mut self) {
        (self.plans, self.chance) = (Vec::new(), None);
    }

    /// The trouble of the next call.
    pub fn next(&mut self, operation: &str) -> Option<Trouble> {
        self.calls.push(operation.to_owned());
        let trouble = self.planned(operation).or_else(|| self.chance.as_mut()?.draw(operation))?;
        let kind = format!("{trouble:?}");
        let kind = kind.split('(').next().unwrap_or_default();
        *self.met.entry(kind.to_owned()).or_default() += 1;
        Some(trouble)
    }

    fn planned(&mut self, operation: &str) -> Option<Trouble> {
        let plan = self.plans.iter_mut().find(|plan| plan.operation == operation && plan.times > 0)?;
        if plan.skip > 0 {
            plan.skip -= 1;
            return None;
        }
        plan.times -= 1;
        Some(plan.trouble)
    }

    /// The operations called since the last time this was asked.
    pub fn take_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.calls)
    }

    /// How many calls met trouble, by its kind.
    pub fn met(&self) -> &BTreeMap<String, u64> {
        &self.met
    }
}

/// The body without DynamoDB's request token, as a server sees it that does not remember tokens.
pub fn without_request_token(body: &[u8]) -> Bytes {
    let mut body: Value = serde_json::from_slice(body).expect("JSON");
    body.as_object_mut().expect("an object").remove("ClientRequestToken");
    body.to_string().into()
}
