//! One invocation: a fresh instance with the real handler, a time limit, and possibly an early death.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use add_coins::AddCoins;
use coin_balance::CoinBalance;
use common::function::{self, Function};
use common::net::HttpClient;
use common::{api, events};
use generate_image::GenerateImage;
use lambda_http::{Body, Request, RequestExt, Response, request};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::world::World;

/// A new function instance, which serves one invocation.
pub struct Instance {
    pub(crate) world: Arc<World>,
    pub(crate) wire: HttpClient,
    pub(crate) death: Arc<Notify>,
}

/// When an instance dies of itself, whatever the network does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    /// It lives until its time limit.
    #[default]
    Lives,
    /// Its work is dropped at this await point, counted from its start.
    DiesAtPoll(u32),
    /// Its work is dropped after this long.
    DiesAfter(Duration),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer: status and body.
    Answer(u16, Value),
    /// Nothing: the instance died, and API Gateway says something of its own.
    Silence,
}

impl Instance {
    /// `POST /api/generate-image` for `user`.
    pub async fn generate(self, user: &str, key: Option<&str>, body: &Value, fate: Fate) -> Outcome {
        let mut headers = json!({"content-type": "application/json"});
        if let Some(key) = key {
            headers["idempotency-key"] = json!(key);
        }
        let request = self.request("POST", "/api/generate-image", user, &headers, &body.to_string());
        let (function, now) = (self.generate_image().await, self.world.now());
        self.live(async { read(api::handle(&function, request, now).await) }, fate).await
    }

    /// generate-image, as this instance runs it.
    pub async fn generate_image(&self) -> GenerateImage {
        self.connect().await
    }

    async fn connect<F: Function>(&self) -> F {
        let lookup = |name: &str| self.world.setting(F::NAME, name);
        function::connect(&lookup, self.wire.clone()).await.expect("a function")
    }

    /// `GET /api/coin-balance` for `user`.
    pub async fn balance(self, user: &str) -> Outcome {
        let request = self.request("GET", "/api/coin-balance", user, &json!({}), "");
        let (function, now) = (self.connect::<CoinBalance>().await, self.world.now());
        self.live(async { read(api::handle(&function, request, now).await) }, Fate::Lives).await
    }

    /// add-coins; an error's type stands for a body.
    pub async fn add_coins(self, user: &str, coins: u64, reference: &str, fate: Fate) -> Outcome {
        let function = self.connect::<AddCoins>().await;
        let event = json!({"user_id": user, "coins": coins, "reference": reference});
        let (event, now) = (LambdaEvent::new(event, Context::default()), self.world.now());
        let work = async {
            match events::invoke(&function, event, now).await {
                Ok(credited) => Outcome::Answer(200, serde_json::to_value(credited).expect("JSON")),
                Err(error) => Outcome::Answer(0, json!(error.to_string())),
            }
        };
        self.live(work, fate).await
    }

    /// Runs `work` until it is done, or dies.
    async fn live(&self, work: impl Future<Output = Outcome>, fate: Fate) -> Outcome {
        let (polls, longest) = match fate {
            Fate::Lives => (u32::MAX, self.world.time_limit()),
            Fate::DiesAtPoll(polls) => (polls, self.world.time_limit()),
            Fate::DiesAfter(after) => (u32::MAX, after.min(self.world.time_limit())),
        };
        let work = Mortal { work: pin!(work), polls };
        tokio::select! {
            biased;
            () = self.death.notified() => Outcome::Silence,
            outcome = work => outcome,
            () = sleep(longest) => Outcome::Silence,
        }
    }

    fn request(&self, method: &str, path: &str, user: &str, headers: &Value, body: &str) -> Request {
        let event = json!({
            "version": "2.0", "routeKey": format!("{method} {path}"), "rawPath": path, "rawQueryString": "",
            "headers": headers, "body": body, "isBase64Encoded": false,
            "requestContext": {
                "stage": "$default", "timeEpoch": 0,
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"sub": user}}},
            },
        });
        let deadline = self.world.now().as_millisecond()
            + i64::try_from(self.world.time_limit().as_millis()).expect("ms");
        let mut context = Context::default();
        context.deadline = u64::try_from(deadline).expect("after 1970");
        request::from_str(&event.to_string()).expect("an event").with_lambda_context(context)
    }
}

fn read(response: Response<Body>) -> Outcome {
    let status = response.status().as_u16();
    Outcome::Answer(status, serde_json::from_slice(response.body()).unwrap_or_default())
}

/// Work that is dropped at one of its await points.
struct Mortal<'w, W> {
    work: Pin<&'w mut W>,
    polls: u32,
}

impl<W: Future<Output = Outcome>> Future for Mortal<'_, W> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Outcome> {
        if self.polls == 0 {
            return Poll::Ready(Outcome::Silence);
        }
        self.polls -= 1;
        self.work.as_mut().poll(context)
    }
}
