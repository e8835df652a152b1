//! A simulated world: its clock, its network, its servers, and the journal of everything that happened.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use bytes::Bytes;
use common::aws::Aws;
use dynoxide::Database;
use fastrand::Rng;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use kit::auditor::{Auditor, Snapshot};
use kit::events::HttpApiEvent;
use kit::merchants::{self, Backend, Payment};
use kit::trouble::{Chance, Trouble, Troubles};
use sam_template::tables::create_missing_tables;
use sam_template::{AuthMode, LocalStack, Resources};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::lambda::{Death, Instance};
use crate::network::Connection;
use crate::preferences::Preferences;
use crate::queue::{MAX_DELIVERIES, Queue, Telling};
use crate::servers::{self, AWS, Fal, FalBehaviour, ObjectStore, Server};
use crate::{Failure, Figures};

/// When every world begins, in seconds since 1970. Any moment would do.
const BEGINNING: i64 = 1_800_000_000;

/// Longer than the clients wait for a connection and for a reply.
const LONGEST_DELAY: Duration = Duration::from_secs(12);

/// How long the coins of an asynchronous batch are held.
pub const ASYNC_LEASE: Duration = Duration::from_secs(100);

/// A simulated world.
pub struct World {
    myself: Weak<Self>,
    pub fal: Fal,
    pub queue: Queue,
    /// The jobs whose end is to be told.
    accepted: UnboundedSender<(String, Telling)>,
    preferences: Mutex<Preferences>,
    /// What a batch costs.
    price: u64,
    template: Resources,
    seed: u64,
    began: Instant,
    database: Database,
    photos: ObjectStore,
    auditor: Mutex<Auditor>,
    troubles: Mutex<Troubles>,
    crash_point: Mutex<Option<CrashPoint>>,
    /// Draws which instances die by themselves. Nothing: they live.
    deaths: Mutex<Option<Rng>>,
    journal: Mutex<Vec<String>>,
    figures: Mutex<Figures>,
}

/// The call at which its caller dies.
#[derive(Debug, Clone, Copy)]
pub struct CrashPoint {
    /// So many calls come before it.
    pub skip: usize,
    pub moment: Moment,
}

/// When in a call its caller dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    BeforeRequest,
    AfterReply,
}

/// How many failures that fal may bill each merchant has a day. In every third world they are soon used up.
fn budget(seed: u64) -> usize {
    if seed.is_multiple_of(3) { 4 } else { 20 }
}

impl World {
    /// A world without trouble, with the tables of the template.
    pub async fn new(seed: u64) -> Arc<Self> {
        // The jitter of every retry, ours and the SDK's, is drawn from this generator.
        fastrand::seed(seed);
        let (accepted, mut jobs) = unbounded_channel();
        let world = Arc::new_cyclic(|myself| Self {
            myself: Weak::clone(myself),
            fal: Fal::new(seed),
            queue: Queue::new(seed),
            accepted,
            preferences: Mutex::new(Preferences::Never),
            price: 1 + seed % 2,
            template: LocalStack::new("simulated", AuthMode::Jwt).resources().expect("the template"),
            seed,
            began: Instant::now(),
            database: Database::memory().expect("a database"),
            photos: ObjectStore::default(),
            auditor: Mutex::new(Auditor::new(budget(seed))),
            troubles: Mutex::default(),
            crash_point: Mutex::default(),
            deaths: Mutex::default(),
            journal: Mutex::default(),
            figures: Mutex::default(),
        });
        let teller = Arc::clone(&world);
        spawn_local(async move {
            while let Some((id, telling)) = jobs.recv().await {
                let teller = Arc::clone(&teller);
                spawn_local(async move { teller.tell(&id, &telling).await });
            }
        });
        let http = world.instance().http;
        let aws = Aws::from_environment(&|name| world.setting("", name), http).expect("an environment");
        create_missing_tables(&aws.dynamodb(), &world.template.tables).await.expect("tables");
        world.take_calls();
        lock(&world.journal).clear();
        lock(&world.figures).clear();
        world
    }

    /// From now on, calls meet trouble, fal fails and instances die, as the seed draws it. Every third world is stormy:
    /// more than half of its calls meet trouble, in the others one in five.
    pub fn trouble_at_random(&self) {
        let odds = if self.seed.is_multiple_of(3) { 22 } else { 60 };
        lock(&self.troubles).at_random(Chance::new(self.seed ^ 0x5117, odds, LONGEST_DELAY));
        *lock(&self.deaths) = Some(Rng::with_seed(self.seed ^ 0xDEAD));
        self.prefer(Preferences::AtRandom(Rng::with_seed(self.seed ^ 0xA5C)));
        self.fal.behave(FalBehaviour::AtRandom);
    }

    /// From now on, so many requests prefer an asynchronous batch.
    pub fn prefer(&self, preferences: Preferences) {
        *lock(&self.preferences) = preferences;
    }

    /// Ends all trouble.
    pub fn recover(&self) {
        lock(&self.troubles).recover();
        (*lock(&self.deaths), *lock(&self.crash_point)) = (None, None);
        self.prefer(Preferences::Never);
        self.fal.behave(FalBehaviour::Quick);
    }

    /// From now on, counts calls anew, and kills the caller of this one.
    pub fn crash_at(&self, point: CrashPoint) {
        self.take_calls();
        *lock(&self.crash_point) = Some(point);
    }

    /// A new instance of a function, with a connection of its own.
    pub fn instance(&self) -> Instance {
        let world = self.myself.upgrade().expect("this world");
        let (http, crash) = Connection::of_instance(Arc::clone(&world));
        let death = lock(&self.deaths).as_mut().and_then(Death::draw);
        Instance { world, http, crash, death }
    }

    /// The calls since the last time this was asked, in their order.
    pub fn take_calls(&self) -> Vec<String> {
        lock(&self.troubles).take_calls()
    }

    /// A setting of a function: the template's, except for AWS, fal and the price.
    pub(crate) fn setting(&self, function: &str, name: &str) -> Option<String> {
        match name {
            "FAL_KEY" => Some("simulated:key".to_owned()),
            "FAL_BASE_URL" => Some(servers::FAL.to_owned()),
            "FAL_JWKS_URL" => Some(format!("{}/.well-known/jwks.json", servers::FAL)),
            "PUBLIC_URL" => Some("http://api.simulated".to_owned()),
            "PULL_AFTER_SECONDS" => Some("15".to_owned()),
            "ASYNC_LEASE_SECONDS" => Some(ASYNC_LEASE.as_secs().to_string()),
            "CURSOR_KEY" => Some("simulated".repeat(4)),
            "FAILURES_PER_DAY" => Some(budget(self.seed).to_string()),
            "COINS_PER_BATCH" => Some(self.price.to_string()),
            "AWS_ENDPOINT_URL" => Some(AWS.to_owned()),
            // The region has the seed in its name: the SDK keeps one retry token bucket per region and process, and a
            // run must not depend on the one before.
            "AWS_REGION" => Some(format!("world-{}", self.seed)),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("simulated".to_owned()),
            _ => {
                let function = self.template.functions.iter().find(|spec| spec.name == function)?;
                function.environment.get(name).cloned()
            }
        }
    }

    /// Looks at a running batch, up to three times: then its merchant has lost patience.
    async fn follow(&self, user: &str, id: &str) {
        let looks = lock(&self.preferences).looks();
        for _ in 0..looks {
            sleep(Duration::from_secs(12)).await;
            let found = self.instance().look(user, id).await;
            let status = found.map(|found| found.body["status"].clone());
            self.note(format!("{user} looks at a running batch: {status:?}"));
        }
    }

    /// How long a function may run.
    pub fn time_limit(&self, function: &str) -> Duration {
        let mut functions = self.template.functions.iter();
        functions.find(|spec| spec.name == function).expect("the function").timeout
    }

    /// Says what happens to a call, and checks that a request to fal is paid for.
    pub(crate) fn begin_call(
        &self,
        to: Server,
        request: &Request<Bytes>,
    ) -> (Option<Trouble>, Option<Moment>) {
        let operation = to.operation(request);
        let trouble = lock(&self.troubles).next(&operation);
        let crash = self.crash_of_this_call();
        *lock(&self.figures).entry(format!("call: {operation}")).or_default() += 1;
        self.note(format!("{operation}: {trouble:?}"));
        if operation == "fal POST" {
            let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let prompt = asked["prompt"].as_str().unwrap_or_default();
            self.auditor().fal_is_asked(prompt, &self.snapshot());
        }
        (trouble, crash)
    }

    fn crash_of_this_call(&self) -> Option<Moment> {
        let mut point = lock(&self.crash_point);
        match &mut *point {
            Some(CrashPoint { skip: 0, .. }) => point.take().map(|point| point.moment),
            Some(point) => {
                point.skip -= 1;
                None
            }
            None => None,
        }
    }

    /// Serves a request that has arrived.
    pub(crate) async fn serve(&self, to: Server, request: Request<Bytes>) -> Response<Bytes> {
        match to {
            Server::S3 => self.photos.serve(request),
            Server::Fal => self.serve_fal(&request).await,
            Server::DynamoDb => {
                let forgets_tokens = self.seed % 5 < 2;
                let (response, changed) = servers::dynamodb(&self.database, &request, forgets_tokens);
                if changed {
                    self.auditor().look(self.now(), self.snapshot());
                }
                response
            }
        }
    }

    /// fal's responses: the queue's to what it knows, and the direct path's to all else.
    async fn serve_fal(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if let Some(response) = self.queue.serve(request) {
            return response;
        }
        let query = request.uri().query().unwrap_or_default();
        let mut query = url::form_urlencoded::parse(query.as_bytes());
        let Some((_, webhook)) = query.find(|(name, _)| name == "fal_webhook") else {
            return self.fal.serve(request).await;
        };
        if let Some(refusal) = self.fal.refusal() {
            return refusal;
        }
        let (id, telling) = self.queue.submit(webhook.parse().expect("a URL"), self.fal.behaviour());
        let ticket = serde_json::json!({"request_id": id, "status": "IN_QUEUE", "queue_position": 1});
        self.accepted.send((id, telling)).expect("the world lives");
        servers::respond(200, &ticket.to_string())
    }

    /// Sends the webhook of a job as `telling` says, until a function responds with 200.
    async fn tell(self: Arc<Self>, id: &str, telling: &Telling) {
        sleep(telling.job_takes).await;
        if telling.forged_before {
            self.deliver(self.queue.forged(id, self.now())).await;
        }
        sleep(telling.delay).await;
        if telling.lost {
            return;
        }
        for _ in 0..=u8::from(telling.twice) {
            let mut pause = Duration::from_secs(2);
            for _ in 0..MAX_DELIVERIES {
                if self.deliver(self.queue.webhook(id, self.now(), telling)).await == Some(200) {
                    break;
                }
                sleep(pause).await;
                pause *= 2;
            }
        }
    }

    /// The status of the response to a webhook, if the function lived.
    pub async fn deliver(&self, webhook: HttpApiEvent) -> Option<u16> {
        let status = self.instance().webhook(webhook).await.map(|response| response.status);
        self.note(format!("webhook: {status:?}"));
        *lock(&self.figures).entry(format!("webhook: {status:?}")).or_default() += 1;
        status
    }

    /// Runs heal-batches once a minute, from now on.
    pub fn heal_every_minute(&self) {
        let world = self.myself.upgrade().expect("this world");
        spawn_local(async move {
            loop {
                sleep(Duration::from_secs(60)).await;
                world.heal().await;
            }
        });
    }

    /// Runs heal-batches once.
    pub async fn heal(&self) {
        let healed = self.instance().heal().await;
        self.note(format!("heal-batches: {healed:?}"));
    }

    /// All items of the tables.
    pub fn snapshot(&self) -> Snapshot {
        let rows = |setting| {
            let table = self.setting("generate-image", setting).expect("a table");
            servers::rows(&self.database, &table)
        };
        Snapshot {
            profiles: rows("PROFILES_TABLE"),
            generations: rows("GENERATIONS_TABLE"),
            ledger: rows("LEDGER_TABLE"),
        }
    }

    /// What the auditor found, at the end.
    pub fn verdict(&self) -> Result<Figures, Box<Failure>> {
        let mut violations = self.auditor().close(&self.snapshot());
        violations.extend(self.queue.strange_pictures(&self.snapshot()));
        if !violations.is_empty() {
            return Err(Box::new(Failure { violations, journal: lock(&self.journal).clone() }));
        }
        let mut figures = lock(&self.figures).clone();
        figures.extend(
            lock(&self.troubles).met().iter().map(|(kind, count)| (format!("trouble: {kind}"), *count)),
        );
        figures.extend(self.auditor().figures());
        Ok(figures)
    }

    fn note(&self, line: String) {
        let passed = self.began.elapsed().as_millis();
        lock(&self.journal).push(format!("{passed:>8} ms  {line}"));
    }
}

impl Backend for World {
    async fn generate(&self, user: &str, key: Option<&str>, body: &Value) -> Option<merchants::Response> {
        let prefer = lock(&self.preferences).header();
        let response = self.instance().generate(user, key, body, prefer.as_deref()).await;
        let said = response.as_ref().map(|response| (response.status, response.code()));
        self.note(format!("{}, {prefer:?}: {said:?}", body["prompt"]));
        let running = response.as_ref().filter(|response| response.status == 202);
        if let Some(id) = running.and_then(|running| running.body["generation_id"].as_str()) {
            self.follow(user, id).await;
        }
        response
    }

    async fn add_coins(&self, payment: &Payment) -> Option<Value> {
        let outcome = self.instance().add_coins(payment).await;
        self.note(format!("{payment:?}: {outcome:?}"));
        outcome?.ok()
    }

    async fn balance(&self, user: &str) -> Option<merchants::Response> {
        self.instance().balance(user).await
    }

    fn price(&self) -> u64 {
        self.price
    }

    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).expect("not that long");
        Timestamp::from_second(BEGINNING).expect("a time") + passed
    }

    fn auditor(&self) -> MutexGuard<'_, Auditor> {
        lock(&self.auditor)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}
