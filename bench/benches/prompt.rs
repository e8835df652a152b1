//! The prompt builder: `cargo bench -p bench --bench prompt`.

use common::prompt::{Options, build};
use common::validation::{Faults, Fields};
use divan::{Bencher, black_box};
use serde_json::{Map, Value, json};

fn main() {
    divan::main();
}

/// A request with every option, labels in Indonesian as the front end sends them.
fn fields() -> Map<String, Value> {
    let options = json!({
        "content_type": "Model", "model_type": "Wanita", "category": "Fashion", "pose": "Mirror selfie menggunakan iPhone",
        "background": "Meja Aesthetic", "style": "Cinematic", "lighting": "Natural Daylight",
        "camera_angle": "Eye-Level", "aspect_ratio": "9:16", "additional_prompt": "with a red ribbon"
    });
    options.as_object().expect("an object").clone()
}

fn options(fields: Map<String, Value>) -> Options {
    let mut faults = Faults::default();
    Options::read(Fields::new(fields, "", &mut faults)).expect("valid options")
}

#[divan::bench]
fn options_are_read_and_translated(bencher: Bencher) {
    bencher.with_inputs(fields).bench_values(options);
}

#[divan::bench]
fn a_prompt_is_built(bencher: Bencher) {
    let options = options(fields());
    bencher.bench(|| build(black_box(&options)));
}
