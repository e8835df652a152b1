//! Turns `openapi.yaml` into JSON, so that the function needs no YAML parser.

use std::error::Error;
use std::fs;
use std::path::Path;

const SOURCE: &str = "../../openapi.yaml";

#[expect(clippy::disallowed_methods, reason = "where Cargo lets a build script write")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let description: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(SOURCE)?)?;
    let folder = std::env::var("OUT_DIR")?;
    fs::write(Path::new(&folder).join("openapi.json"), description.to_string())?;
    Ok(())
}
