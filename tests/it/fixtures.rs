//! Every file in `events/`, invoked as `cargo dev invoke` does, gets the response in `snapshots/`.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};
use local_stack::demo;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::harness::Potret;

/// An HTTP function has a fixture that succeeds, one that is refused, and one more.
const MIN_FIXTURES_OF_AN_HTTP_FUNCTION: usize = 3;

/// A success needs the random token of a running batch, and a signature of fal's that is not older than five minutes:
/// no file can have them. `fal_webhook.rs` has the successes.
const WITHOUT_A_SUCCESS: [&str; 1] = ["fal-webhook"];

/// One file: `events/<function>/<name>.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixture {
    pub function: String,
    pub name: String,
    pub text: String,
}

/// Every fixture. Any other file or folder fails the test, so that no fixture is overlooked.
pub fn all() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for (function, folder) in entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")) {
        assert!(folder.is_dir(), "events/{function} is not a folder: fixtures belong in events/<function>/");
        for (file, path) in entries(&folder) {
            let name = file.strip_suffix(".json");
            let name =
                name.unwrap_or_else(|| panic!("events/{function}/{file} is not a .json file")).to_owned();
            let text = fs::read_to_string(&path).expect("a readable file");
            fixtures.push(Fixture { function: function.clone(), name, text });
        }
    }
    fixtures.sort();
    fixtures
}

fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let entries = entries.map(|entry| entry.expect("an entry"));
    entries.map(|entry| (entry.file_name().into_string().expect("a name"), entry.path())).collect()
}

/// The event of a fixture, from `user` if it is an HTTP event.
pub fn event(function: &str, name: &str, user: &str) -> Value {
    let fixture = all().into_iter().find(|fixture| fixture.function == function && fixture.name == name);
    let mut event = fixture.unwrap_or_else(|| panic!("events/{function}/{name}.json is missing")).json();
    if let Some(claims) = event.pointer_mut("/requestContext/authorizer/jwt/claims") {
        claims["sub"] = json!(user);
    }
    event
}

impl Fixture {
    pub fn path(&self) -> String {
        format!("events/{}/{}.json", self.function, self.name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path()))
    }

    /// The function's response on a stack of its own, prepared as `cargo dev invoke` prepares it.
    async fn run(&self) -> Value {
        let potret = Potret::start().await;
        demo::prepare(&potret.stack).await.expect("the demo users");
        match potret.call(&self.function, &self.json()).await {
            Err(error) => json!({"error": error}),
            Ok(output) => shown(output),
        }
    }
}

/// Status, headers and body of an HTTP response, without the one header that is always the same. The output of
/// another function stays as it is.
fn shown(mut output: Value) -> Value {
    let Some(status) = output.get("statusCode").cloned() else { return json!({"answer": output}) };
    let headers = output["headers"].as_object_mut().expect("headers");
    assert_eq!(headers.shift_remove("x-content-type-options"), Some(json!("nosniff")));
    let text = output["body"].as_str().expect("a text");
    let body = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    json!({"status": status, "headers": output["headers"], "body": body})
}

/// Every fixture with its response. They run once for all tests.
async fn responses() -> &'static [(Fixture, Value)] {
    static RESPONSES: OnceCell<Vec<(Fixture, Value)>> = OnceCell::const_new();
    let run = |fixture: Fixture| async {
        let response = fixture.run().await;
        (fixture, response)
    };
    RESPONSES.get_or_init(|| stream::iter(all()).map(run).buffered(4).collect()).await
}

/// Replaces the parts of a URL that differ in every run. A query string stays: no response may show one.
fn redacted_url(url: &str) -> String {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    let segments = url.path().split('/').map(|segment| {
        let (stem, extension) = segment.split_at(segment.find('.').unwrap_or(segment.len()));
        let is_id = stem.len() >= 32 && stem.chars().all(|char| char.is_ascii_hexdigit() || char == '-');
        match stem {
            _ if is_id => format!("[id]{extension}"),
            // The bucket has the name of the stack.
            _ if stem.starts_with("potret-") => "[bucket]".to_owned(),
            _ => segment.to_owned(),
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}://{}:[port]{path}{query}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Replaces everything that differs in every run.
fn redactions() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for id in [".**.generation_id", ".**.upload_id"] {
        settings.add_redaction(id, "[id]");
    }
    for time in [".**.timestamp", ".**.expires_at"] {
        settings.add_redaction(time, "[timestamp]");
    }
    // The snapshot would repeat the whole API description.
    for part in [".headers.etag", ".body.info", ".body.paths", ".body.components"] {
        settings.add_redaction(part, "[…]");
    }
    // The one URL whose query string is meant for the client.
    settings.add_dynamic_redaction(".body.url", |url, _| {
        let (url, query) = url.as_str().and_then(|url| url.split_once('?')).expect("a presigned URL");
        let signed = "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match";
        assert!(query.contains(signed), "{query}");
        format!("{}?[signature]", redacted_url(url))
    });
    settings.add_dynamic_redaction(".headers.location", |location, _| {
        let (collection, _id) = location.as_str().and_then(|path| path.rsplit_once('/')).expect("a path");
        format!("{collection}/[id]")
    });
    for urls in [".**.images[]", ".**.image_urls[]", ".**.image_url"] {
        settings.add_dynamic_redaction(urls, |url, _| match url.as_str() {
            Some(text) => redacted_url(text).into(),
            None => url,
        });
    }
    settings
}

#[tokio::test]
async fn every_fixture_gets_the_recorded_response() {
    let mut differing = Vec::new();
    for (fixture, response) in responses().await {
        let name = format!("{}--{}", fixture.function, fixture.name);
        let compare = || redactions().bind(|| insta::assert_json_snapshot!(name, response));
        if catch_unwind(AssertUnwindSafe(compare)).is_err() {
            differing.push(fixture.path());
        }
    }
    assert!(
        differing.is_empty(),
        "the responses to {} differ from the snapshots (see above); if that is intended: cargo insta review",
        differing.join(", ")
    );
}

#[tokio::test]
async fn every_http_function_has_fixtures_with_a_success_and_a_refusal() {
    let potret = Potret::start().await;
    let mut statuses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (fixture, response) in responses().await {
        statuses
            .entry(fixture.function.as_str())
            .or_default()
            .push(response["status"].as_u64().unwrap_or_default());
    }
    for route in &potret.stack.resources.routes {
        let (function, statuses) = (&route.function, &statuses[route.function.as_str()]);
        assert!(statuses.len() >= MIN_FIXTURES_OF_AN_HTTP_FUNCTION, "events/{function}: {statuses:?}");
        let succeeds = statuses.iter().any(|status| (200..300).contains(status));
        assert_ne!(succeeds, WITHOUT_A_SUCCESS.contains(&function.as_str()), "a success of {function}");
        assert!(statuses.iter().any(|status| *status >= 400), "{function} has no refusal");
    }
}
