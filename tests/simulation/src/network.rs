//! The network: every call of every function passes here, and here it meets its trouble.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use common::net::HttpClient;
use fastrand::Rng;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::servers::Called;
use crate::world::World;

/// What meets the calls of a world.
#[derive(Debug)]
pub enum Weather {
    /// Nothing but the servers themselves.
    Calm,
    /// Trouble as the seed draws it.
    Seeded(u64),
    /// The caller of the `nth` call, counted from zero, dies just before it is sent or just after it was answered.
    Deadly {
        /// Which call.
        nth: usize,
        /// Whether the call still arrives.
        after: bool,
    },
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It arrives at once and so does its answer.
    None,
    /// No connection: it never leaves.
    NotSent,
    /// It waits on its way, and may arrive after its caller has given up or died.
    Late(Duration),
    /// It arrives, and the connection is lost before the answer.
    ReplyLost,
    /// It arrives, and the answer waits on its way.
    ReplyLate(Duration),
    /// It is swallowed: no answer ever comes.
    Swallowed,
    /// The server refuses it untouched: throttled, or in conflict with another.
    Refused(Refusal),
    /// The server does it and says that it failed.
    DoneAndDenied,
    /// The caller dies before it is sent.
    Death,
    /// It arrives, and the caller dies before the answer.
    DeathAfter,
}

/// How DynamoDB, S3 and fal turn a call away that they have not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many requests.
    Throttled,
    /// Another transaction is at the same items.
    Conflict,
    /// An error of the server's own.
    InternalError,
}

impl Weather {
    /// Draws the trouble of the `index`th call.
    fn draw(&self, rng: &mut Rng, index: usize, to: Called) -> Trouble {
        match self {
            Self::Calm => Trouble::None,
            Self::Deadly { nth, after: false } if *nth == index => Trouble::Death,
            Self::Deadly { nth, after: true } if *nth == index => Trouble::DeathAfter,
            Self::Deadly { .. } => Trouble::None,
            Self::Seeded(seed) => seeded(rng, to, seed % 3 == 0),
        }
    }
}

/// On a fine day one call in five meets trouble of some kind, on a stormy one more than half of them do.
fn seeded(rng: &mut Rng, to: Called, stormy: bool) -> Trouble {
    let delay = Duration::from_millis(rng.u64(1..12_000));
    match rng.u8(0..if stormy { 22 } else { 60 }) {
        0 | 1 => Trouble::NotSent,
        2 => Trouble::Late(delay),
        3..=5 => Trouble::ReplyLost,
        6 => Trouble::ReplyLate(delay),
        7 => Trouble::Swallowed,
        8 => Trouble::Refused(Refusal::Throttled),
        9 if to == Called::DynamoDb => Trouble::Refused(Refusal::Conflict),
        10 => Trouble::Refused(Refusal::InternalError),
        11 => Trouble::DoneAndDenied,
        _ => Trouble::None,
    }
}

/// One function instance's end of the network. When the instance dies, nothing that it waits for reaches it, but
/// what it has sent is on its way.
#[derive(Clone)]
pub struct Wire {
    world: Arc<World>,
    death: Arc<Notify>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// The trouble of a world, drawn call by call.
#[derive(Debug)]
pub struct Sky {
    weather: Mutex<(Weather, Rng, usize)>,
}

impl Sky {
    /// The sky under `weather`.
    #[must_use]
    pub fn new(weather: Weather) -> Self {
        let seed = if let Weather::Seeded(seed) = weather { seed } else { 0 };
        Self { weather: Mutex::new((weather, Rng::with_seed(seed ^ 0x5117), 0)) }
    }

    /// From here on, calls are counted anew and meet `weather`.
    pub fn change(&self, weather: Weather) {
        let mut sky = self.lock();
        sky.0 = weather;
        sky.2 = 0;
    }

    fn draw(&self, to: Called) -> Trouble {
        let mut sky = self.lock();
        let (weather, rng, index) = &mut *sky;
        let trouble = weather.draw(rng, *index, to);
        *index += 1;
        trouble
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Weather, Rng, usize)> {
        self.weather.lock().expect("nobody panics under the sky")
    }
}

impl Wire {
    /// A wire of a new instance in `world`, and what fires when the network kills the instance.
    #[must_use]
    pub fn of_instance(world: Arc<World>) -> (HttpClient, Arc<Notify>) {
        let death = Arc::new(Notify::new());
        (HttpClient::new(Self { world, death: Arc::clone(&death) }), death)
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
        let request = Request::from_parts(head, body);
        let to = Called::of(&request);
        let trouble = self.world.sky.draw(to);
        let name = to.operation(&request);
        self.world.note_call(&name, trouble, &request);
        match trouble {
            Trouble::NotSent => return Err(ConnectorError::timeout("no connection".into())),
            Trouble::Swallowed => return std::future::pending().await,
            Trouble::Death => return self.die().await,
            Trouble::Refused(refusal) => return respond(to.refusal(refusal)),
            _ => {}
        }
        // The request is on its way now, whatever becomes of whoever sent it.
        let world = Arc::clone(&self.world);
        let delivered = tokio::spawn(async move {
            if let Trouble::Late(delay) = trouble {
                sleep(delay).await;
            }
            let response = world.serve(to, request).await;
            if let Trouble::ReplyLate(delay) = trouble {
                sleep(delay).await;
            }
            response
        });
        let response = delivered.await.map_err(|error| ConnectorError::user(error.into()))?;
        match trouble {
            Trouble::ReplyLost => Err(ConnectorError::io("the connection was lost".into())),
            Trouble::DoneAndDenied => respond(to.refusal(Refusal::InternalError)),
            Trouble::DeathAfter => self.die().await,
            _ => respond(response),
        }
    }

    async fn die<T>(&self) -> T {
        self.death.notify_one();
        std::future::pending().await
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}

fn respond(response: Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(response.map(SdkBody::from)).map_err(|error| ConnectorError::user(error.into()))
}
