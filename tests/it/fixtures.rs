//! Every file in `events/`, run as `cargo dev invoke` runs it, is answered as `snapshots/` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use futures::{StreamExt, stream};
use insta::internals::Content;
use local_stack::demo;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::harness::Potret;

/// An HTTP function has a success, a fault of the caller's and one more case.
const LEAST_OF_AN_HTTP_FUNCTION: usize = 3;

/// One file: `events/<function>/<name>.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixture {
    pub function: String,
    pub name: String,
    pub text: String,
}

/// Every fixture that there is. Anything else in the folder is refused, so that nothing is passed over.
pub fn all() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for (function, folder) in entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")) {
        assert!(folder.is_dir(), "events/{function} is no folder: fixtures belong in events/<function>/");
        for (file, path) in entries(&folder) {
            let name = file.strip_suffix(".json");
            let name = name.unwrap_or_else(|| panic!("events/{function}/{file} is no .json file"));
            let text = fs::read_to_string(&path).expect("a readable file");
            fixtures.push(Fixture { function: function.clone(), name: name.to_owned(), text });
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

impl Fixture {
    pub fn path(&self) -> String {
        format!("events/{}/{}.json", self.function, self.name)
    }

    /// What the function answers on a stack of its own, prepared as `cargo dev invoke` prepares it.
    async fn run(&self) -> Value {
        let stack = Potret::start().await.stack;
        demo::prepare(&stack).await.expect("the demo users");
        let invocation = stack.lambda.invoke(&self.function, Bytes::from(self.text.clone())).await;
        let invocation = invocation.unwrap_or_else(|error| panic!("{}: {error}", self.path()));
        match invocation.outcome {
            Err(error) => json!({"error": error}),
            Ok(answer) => shown(serde_json::from_slice(&answer).expect("JSON")),
        }
    }
}

/// What a client sees of an HTTP answer; any other answer as it is.
fn shown(answer: Value) -> Value {
    let Some(status) = answer.get("statusCode") else { return json!({"answer": answer}) };
    let text = answer["body"].as_str().expect("a text");
    let body = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    json!({"status": status, "headers": answer["headers"], "body": body})
}

/// Every fixture with its answer; they run once for all tests.
async fn answers() -> &'static [(Fixture, Value)] {
    static ANSWERS: OnceCell<Vec<(Fixture, Value)>> = OnceCell::const_new();
    let run = |fixture: Fixture| async {
        let answer = fixture.run().await;
        (fixture, answer)
    };
    ANSWERS.get_or_init(|| stream::iter(all()).map(run).buffered(4).collect()).await
}

/// Takes out of a URL what is different in every run. A query string stays: no answer may show one.
fn without_chance(url: Content) -> Content {
    let Some(text) = url.as_str() else { return url };
    let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let segments = url.path().split('/').map(|segment| {
        let (stem, extension) = segment.split_at(segment.find('.').unwrap_or(segment.len()));
        let is_id = stem.len() >= 32 && stem.chars().all(|char| char.is_ascii_hexdigit() || char == '-');
        match stem {
            _ if is_id => format!("[id]{extension}"),
            // The bucket, which bears the name of the stack.
            _ if stem.starts_with("potret-") => "[bucket]".to_owned(),
            _ => segment.to_owned(),
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}://{}:[port]{path}{query}", url.scheme(), url.host_str().unwrap_or_default()).into()
}

#[tokio::test]
async fn every_fixture_is_answered_as_recorded() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for id in [".**.generation_id", ".**.upload_id"] {
        settings.add_redaction(id, "[id]");
    }
    for time in [".**.timestamp", ".**.expires_at"] {
        settings.add_redaction(time, "[timestamp]");
    }
    // The description, which would be here a second time.
    for part in [".headers.etag", ".body.info", ".body.paths", ".body.components"] {
        settings.add_redaction(part, "[…]");
    }
    // The one answer whose query string is meant for the client.
    settings.add_dynamic_redaction(".body.url", |url, _| {
        let (url, signature) = url.as_str().and_then(|url| url.split_once('?')).expect("a presigned URL");
        assert!(
            signature.contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost"),
            "{signature}"
        );
        Content::from(format!("{}?[signature]", without_chance(url.into()).as_str().unwrap_or_default()))
    });
    settings.add_dynamic_redaction(".headers.location", |location, _| {
        let (collection, _id) = location.as_str().and_then(|path| path.rsplit_once('/')).expect("a path");
        format!("{collection}/[id]")
    });
    for urls in [".**.images[]", ".**.image_urls[]", ".**.image_url"] {
        settings.add_dynamic_redaction(urls, |url, _| without_chance(url));
    }

    let mut differing = Vec::new();
    for (fixture, answer) in answers().await {
        let name = format!("{}--{}", fixture.function, fixture.name);
        let compare = || settings.bind(|| insta::assert_json_snapshot!(name, answer));
        if catch_unwind(AssertUnwindSafe(compare)).is_err() {
            differing.push(fixture.path());
        }
    }
    assert!(
        differing.is_empty(),
        "{} answered otherwise than recorded (see above); if that is meant: cargo insta review",
        differing.join(", ")
    );
}

#[tokio::test]
async fn every_function_has_fixtures_and_every_http_function_one_that_is_refused() {
    let potret = Potret::start().await;
    let resources = &potret.stack.resources;
    let functions: BTreeSet<_> = resources.functions.iter().map(|function| function.name.as_str()).collect();
    let mut statuses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (fixture, answer) in answers().await {
        statuses.entry(fixture.function.as_str()).or_default().push(answer["status"].as_u64());
    }
    assert_eq!(statuses.keys().copied().collect::<BTreeSet<_>>(), functions, "folders of events/, functions");

    for route in &resources.routes {
        let statuses = &statuses[route.function.as_str()];
        let refused = statuses.iter().any(|status| status.is_some_and(|status| status >= 400));
        let answered = statuses.iter().any(|status| matches!(status, Some(200..300)));
        assert!(
            statuses.len() >= LEAST_OF_AN_HTTP_FUNCTION && refused && answered,
            "events/{} needs {LEAST_OF_AN_HTTP_FUNCTION} fixtures, a success and an error among them",
            route.function
        );
    }
}
