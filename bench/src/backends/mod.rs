//! What the functions call: DynamoDB, S3 and fal over TLS, as quick as a machine can be. They answer as the services
//! do, keep count of every call, and refuse what they do not know, so that no function is measured while it fails.

mod dynamodb;
mod fal;
mod s3;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::server::{Answer, Server};
use dynamodb::Tables;
use tls::Identity;

pub use dynamodb::{COINS, GENERATIONS, LEDGER, PROFILES};
pub use fal::KEY as FAL_KEY;

/// Who answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// DynamoDB.
    DynamoDb,
    /// S3.
    S3,
    /// fal.
    Fal,
}

/// One call of a function's.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who answered it.
    pub service: Service,
    /// What was asked: DynamoDB's operation, or a method.
    pub operation: String,
    /// From the whole request to the answer.
    pub took: Duration,
}

/// What the servers share.
#[derive(Debug, Default)]
struct Shared {
    calls: Vec<Call>,
    tables: Tables,
    /// How long fal takes for the first of two pictures, and for the second.
    latency: [Duration; 2],
    /// How many pictures fal has been asked for.
    pictures: usize,
}

/// The three running servers.
#[derive(Debug)]
pub struct Backends {
    dynamodb: Server,
    s3: Server,
    fal: Server,
    authority: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

impl Backends {
    /// Starts them with a certificate made for this run, whose authority is written into `folder`.
    pub fn start(threads: &Handle, folder: &Path) -> anyhow::Result<Self> {
        let identity = Identity::make(folder)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let serve = |service: Service| {
            let shared = Arc::clone(&shared);
            Server::start(threads, Some(identity.acceptor()?), move |head, body| {
                answer(service, Arc::clone(&shared), head, body)
            })
        };
        let (dynamodb, s3, fal) = (serve(Service::DynamoDb)?, serve(Service::S3)?, serve(Service::Fal)?);
        Ok(Self { dynamodb, s3, fal, authority: identity.authority, shared })
    }

    /// Where DynamoDB, S3 and fal are.
    pub fn urls(&self) -> [String; 3] {
        [&self.dynamodb, &self.s3, &self.fal].map(|server| format!("https://{}", server.address))
    }

    /// The file with the certificate of the authority that all three are to be trusted by.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Forgets what was written and asked, and sets how long fal takes for the two pictures of a batch.
    pub fn reset(&self, latency: [Duration; 2]) {
        *locked(&self.shared) = Shared { latency, ..Shared::default() };
    }

    /// The calls since this was last asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut locked(&self.shared).calls)
    }
}

async fn answer(service: Service, shared: Arc<Mutex<Shared>>, head: Parts, body: Bytes) -> Answer {
    let begun = Instant::now();
    let (operation, answer) = match service {
        Service::DynamoDb => {
            let operation = dynamodb::operation(&head);
            let request = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let answer = locked(&shared).tables.answer(&operation, &request);
            (operation, answer)
        }
        Service::S3 => (head.method.to_string(), s3::answer(&head, &body)),
        Service::Fal => {
            let latency = {
                let mut shared = locked(&shared);
                shared.pictures += 1;
                shared.latency[(shared.pictures - 1) % 2]
            };
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            (head.method.to_string(), fal::answer(&head, &body))
        }
    };
    locked(&shared).calls.push(Call { service, operation, took: begun.elapsed() });
    answer
}

/// A server that panicked has been heard of; what it kept is still whole.
fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
