//! One invocation: a fresh instance with the real handler, a time limit, and possibly an early death.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use add_coins::AddCoins;
use coin_balance::CoinBalance;
use common::api::{self, Endpoint};
use common::events;
use common::function::{self, Function};
use common::net::HttpClient;
use fal_webhook::FalWebhook;
use fastrand::Rng;
use generate_image::GenerateImage;
use generations::ListGenerations;
use heal_batches::{HealBatches, Healed};
use kit::events::HttpApiEvent;
use kit::merchants::{Backend, Payment, Response};
use lambda_http::{Request, RequestExt};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::world::World;

/// A new function instance, which serves one invocation.
pub struct Instance {
    pub(crate) world: Arc<World>,
    pub(crate) http: HttpClient,
    /// Notified when a crash point of the network kills the instance.
    pub(crate) crash: Arc<Notify>,
    pub(crate) death: Option<Death>,
}

/// When an instance dies by itself, whatever happens in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Its work is dropped at this await point, counted from its start.
    AtPoll(u32),
    /// Its work is dropped after this long.
    After(Duration),
}

impl Death {
    /// One instance in four dies early.
    pub(crate) fn draw(rng: &mut Rng) -> Option<Self> {
        match rng.u8(0..8) {
            0 => Some(Self::AtPoll(rng.u32(1..30))),
            1 => Some(Self::After(Duration::from_millis(rng.u64(1..15_000)))),
            _ => None,
        }
    }
}

impl Instance {
    /// `POST /api/generate-image`. There is no response when the instance dies.
    pub(crate) async fn generate(
        self,
        user: &str,
        key: Option<&str>,
        body: &Value,
        prefer: Option<&str>,
    ) -> Option<Response> {
        let event = HttpApiEvent::new("POST", "/api/generate-image").user(user).body(body.to_string());
        let headers = [("idempotency-key", key), ("prefer", prefer)];
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let event = headers.fold(event, |event, (name, value)| event.header(name, value));
        self.respond::<GenerateImage>(event).await
    }

    /// `GET /api/generations/{generation_id}`.
    pub(crate) async fn look(self, user: &str, id: &str) -> Option<Response> {
        let event = HttpApiEvent::new("GET", &format!("/api/generations/{id}")).user(user);
        self.respond::<ListGenerations>(event.path_parameter("generation_id", id)).await
    }

    /// `POST /api/fal-webhook/{callback}`.
    pub(crate) async fn webhook(self, event: HttpApiEvent) -> Option<Response> {
        self.respond::<FalWebhook>(event).await
    }

    /// heal-batches: how many batches were due and how many ended.
    pub(crate) async fn heal(self) -> Option<Healed> {
        let function = self.connect::<HealBatches>().await;
        let (event, now) = (LambdaEvent::new(json!({}), Context::default()), self.world.now());
        self.live::<HealBatches, _>(async { events::invoke(&function, event, now).await.ok() })
            .await
            .flatten()
    }

    /// `GET /api/coin-balance`.
    pub(crate) async fn balance(self, user: &str) -> Option<Response> {
        self.respond::<CoinBalance>(HttpApiEvent::new("GET", "/api/coin-balance").user(user)).await
    }

    /// add-coins: the confirmation, or the error in words.
    pub(crate) async fn add_coins(self, payment: &Payment) -> Option<Result<Value, String>> {
        let function = self.connect::<AddCoins>().await;
        let Payment { user, coins, reference } = payment;
        let event = json!({"user_id": user, "coins": coins, "reference": reference});
        let (event, now) = (LambdaEvent::new(event, Context::default()), self.world.now());
        self.live::<AddCoins, _>(async {
            match events::invoke(&function, event, now).await {
                Ok(credited) => Ok(serde_json::to_value(credited).expect("JSON")),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    async fn respond<E: Endpoint>(self, event: HttpApiEvent) -> Option<Response> {
        let function = self.connect::<E>().await;
        self.live::<E, _>(self.handle(&function, event.into_request())).await
    }

    async fn handle<E: Endpoint>(&self, function: &E, request: Request) -> Response {
        let now = self.world.now();
        let limit = i64::try_from(self.world.time_limit(E::NAME).as_millis()).expect("ms");
        let mut context = Context::default();
        context.deadline = u64::try_from(now.as_millisecond() + limit).expect("after 1970");
        let response = api::handle(function, request.with_lambda_context(context), now).await;
        let body = serde_json::from_slice(response.body()).unwrap_or_default();
        Response { status: response.status().as_u16(), body }
    }

    /// The function that this instance runs.
    pub async fn connect<F: Function>(&self) -> F {
        let lookup = |name: &str| self.world.setting(F::NAME, name);
        function::connect(&lookup, self.http.clone()).await.expect("a function")
    }

    /// What `work` comes to, unless the instance dies before. An instance that lives has to be done in time.
    async fn live<F: Function, T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let limit = self.world.time_limit(F::NAME);
        let (mut polls, time) = match self.death {
            None => (u32::MAX, limit),
            Some(Death::AtPoll(polls)) => (polls, limit),
            Some(Death::After(time)) => (u32::MAX, time.min(limit)),
        };
        let mut work = pin!(work);
        let work = std::future::poll_fn(|context| {
            if polls == 0 {
                return Poll::Ready(None);
            }
            polls -= 1;
            work.as_mut().poll(context).map(Some)
        });
        tokio::select! {
            biased;
            () = self.crash.notified() => None,
            done = work => done,
            () = sleep(time) => {
                if time == limit {
                    self.world.auditor().violated(format!("{} lived and did not end in time", F::NAME));
                }
                None
            }
        }
    }
}
