//! A world: its clock, its network, its servers, and the journal of everything that happened.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::aws::Aws;
use common::net::HttpClient;
use dynoxide::Database;
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use sam_template::Resources;
use sam_template::tables::create_missing_tables;
use sam_template::{AuthMode, LocalStack};
use tokio::time::Instant;

use crate::auditor::{Auditor, Tables};
use crate::lambda::Instance;
use crate::network::{Sky, Trouble, Weather, Wire};
use crate::servers::{self, AWS, Called, Fal, Mood, ObjectStore};
use crate::{Failure, Figures};

/// When every world begins, in seconds since 1970. Any moment would do.
const BEGINNING: i64 = 1_800_000_000;

/// A world.
pub struct World {
    /// Where trouble comes from.
    pub sky: Sky,
    /// The picture maker.
    pub fal: Fal,
    /// Who watches.
    pub auditor: Mutex<Auditor>,
    /// What a batch costs.
    pub price: u64,
    template: Resources,
    seed: u64,
    born: Instant,
    database: Database,
    photos: ObjectStore,
    journal: Mutex<Vec<String>>,
    calls: Mutex<Vec<String>>,
    figures: Mutex<Figures>,
}

/// A debug build's futures are too large for a thread's usual stack.
const STACK_BYTES: usize = 16 << 20;

/// Runs a world on a thread of its own, whose clock stands still while anything can be done, and then jumps.
pub fn in_paused_time<T: Send>(life: impl AsyncFnOnce() -> T + Send) -> T {
    let live = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(life())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, live);
        let lived = thread.expect("a thread").join();
        lived.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl World {
    /// A world with the tables of the template, under `weather`.
    pub async fn new(seed: u64, weather: Weather) -> Arc<Self> {
        // The jitter of every retry, ours and the SDK's, is drawn from this generator.
        fastrand::seed(seed);
        let mood = if matches!(weather, Weather::Seeded(_)) { Mood::Seeded } else { Mood::Quick };
        let world = Arc::new(Self {
            sky: Sky::new(Weather::Calm),
            fal: Fal::new(seed, mood),
            auditor: Mutex::default(),
            price: 1 + seed % 2,
            template: LocalStack::new("simulated", AuthMode::Jwt).resources().expect("the template"),
            seed,
            born: Instant::now(),
            database: Database::memory().expect("a database"),
            photos: ObjectStore::default(),
            journal: Mutex::default(),
            calls: Mutex::default(),
            figures: Mutex::default(),
        });
        let (wire, _) = Wire::of_instance(Arc::clone(&world));
        let client = world.aws(wire).dynamodb();
        create_missing_tables(&client, &world.template.tables).await.expect("tables");
        world.change_weather(weather);
        world.journal.lock().expect("no panic").clear();
        world.figures.lock().expect("no panic").clear();
        world
    }

    /// From here on, calls are counted anew and meet `weather`.
    pub fn change_weather(&self, weather: Weather) {
        self.calls.lock().expect("no panic").clear();
        self.sky.change(weather);
    }

    /// The calls since the weather changed, in their order.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("no panic").clone()
    }

    /// The time in this world.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.born.elapsed()).expect("not that long");
        Timestamp::from_second(BEGINNING).expect("a time") + passed
    }

    /// AWS at the end of `wire`.
    pub fn aws(&self, wire: HttpClient) -> Aws {
        Aws::from_environment(&|name| self.setting("", name), wire).expect("an environment")
    }

    /// A new instance of a function, on a wire of its own.
    pub fn instance(self: &Arc<Self>) -> Instance {
        let (wire, death) = Wire::of_instance(Arc::clone(self));
        Instance { world: Arc::clone(self), wire, death }
    }

    /// A setting of a function: the template's, but for fal and the price.
    pub fn setting(&self, function: &str, name: &str) -> Option<String> {
        match name {
            "FAL_KEY" => Some("simulated:key".to_owned()),
            "FAL_BASE_URL" => Some(servers::FAL.to_owned()),
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

    /// How long a generation may run.
    pub fn time_limit(&self) -> Duration {
        let mut functions = self.template.functions.iter();
        functions.find(|spec| spec.name == "generate-image").expect("the function").timeout
    }

    /// Takes down a call and what meets it; that fal is not asked for nothing is checked here.
    pub fn note_call(&self, name: &str, trouble: Trouble, request: &Request<Bytes>) {
        self.count(format!("call: {name}"));
        self.calls.lock().expect("no panic").push(name.to_owned());
        if trouble != Trouble::None {
            let kind = format!("{trouble:?}");
            self.count(format!("trouble: {}", kind.split(['(', ' ']).next().unwrap_or_default()));
        }
        self.note(format!("{name}: {trouble:?}"));
        if Called::of(request) == Called::Fal && request.method() == Method::POST {
            let asked: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let prompt = asked["prompt"].as_str().unwrap_or_default();
            self.auditor.lock().expect("no panic").fal_is_asked(prompt, &self.tables());
        }
    }

    /// Answers a call that has arrived.
    pub async fn serve(&self, to: Called, request: Request<Bytes>) -> Response<Bytes> {
        match to {
            Called::S3 => self.photos.serve(request),
            Called::Fal => self.fal.serve(&request).await,
            Called::DynamoDb => {
                let (response, changed) = servers::dynamodb(&self.database, &request, self.seed % 5 < 2);
                if changed {
                    self.auditor.lock().expect("no panic").look(self.now(), self.tables());
                }
                response
            }
        }
    }

    /// The tables as they are.
    pub fn tables(&self) -> Tables {
        let name = |setting| self.setting("generate-image", setting).expect("a table");
        Tables::read(
            &self.database,
            &name("PROFILES_TABLE"),
            &name("GENERATIONS_TABLE"),
            &name("LEDGER_TABLE"),
        )
    }

    /// Adds a line to the journal.
    pub fn note(&self, line: String) {
        let passed = self.born.elapsed().as_millis();
        self.journal.lock().expect("no panic").push(format!("{passed:>8} ms  {line}"));
    }

    /// Adds one to a figure.
    pub fn count(&self, figure: String) {
        *self.figures.lock().expect("no panic").entry(figure).or_default() += 1;
    }

    /// What the auditor found, at the end.
    pub fn verdict(&self) -> Result<Figures, Box<Failure>> {
        let violations = self.auditor.lock().expect("no panic").close(&self.tables());
        if violations.is_empty() {
            return Ok(self.figures.lock().expect("no panic").clone());
        }
        Err(Box::new(Failure { violations, journal: self.journal.lock().expect("no panic").clone() }))
    }
}
