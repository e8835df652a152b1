//! The environment of a function: Lambda's variables, and the settings of `template.yaml` with the addresses
//! of this run.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::backends::{Backends, FAL_KEY, GENERATIONS, LEDGER, PROFILES};
use crate::webhooks::JWKS_PATH;

// The tokens that the authorizer accepts.
pub const ISSUER: &str = "https://auth.example.com/";
pub const AUDIENCE: &str = "potret";
pub const JWT_SECRET: &str = "a secret of the bench, and of nothing else";

/// What is the same for every function. Each reads only its own settings.
const CONSTANT: [(&str, &str); 16] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ("LOG_LEVEL", "info"),
    ("PROFILES_TABLE", PROFILES),
    ("GENERATIONS_TABLE", GENERATIONS),
    ("LEDGER_TABLE", LEDGER),
    ("UPLOADS_BUCKET", "uploads"),
    ("COINS_PER_BATCH", "1"),
    ("PUBLIC_URL", "https://api.example.com"),
    ("FAL_KEY", FAL_KEY),
    ("CURSOR_KEY", "what seals the cursors of the bench"),
    ("JWT_ISSUER", ISSUER),
    ("JWT_AUDIENCE", AUDIENCE),
    ("JWT_SECRET", JWT_SECRET),
];

const TEMPLATE: &str = include_str!("../../template.yaml");

/// `template.yaml` sets this for `generate-image` only.
const OF_GENERATE_IMAGE: &str = "MALLOC_MMAP_THRESHOLD_";

/// The environment of a process of `function` that calls `backends`, and trusts their authority if it
/// `trusts_the_run`.
pub fn of_function(
    function: &str,
    backends: &Backends,
    trusts_the_run: bool,
) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let mut environment = BTreeMap::from(runtime_api::environment("bench", 128));
    environment.extend(CONSTANT.map(|(name, value)| (name, value.to_owned())));
    let [dynamodb, s3, fal] = backends.urls.clone();
    environment.extend([
        // As long as a real one, because it is sent and hashed with every call.
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE".to_owned() + &"Example".repeat(100)),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_S3", s3),
        ("FAL_BASE_URL", fal.clone()),
        ("FAL_JWKS_URL", fal.clone() + JWKS_PATH),
        ("FAL_QUEUE_URL", fal),
    ]);
    if function == "generate-image" {
        let value = TEMPLATE.split_once(OF_GENERATE_IMAGE).and_then(|(_, rest)| rest.split('"').nth(1));
        environment.insert(OF_GENERATE_IMAGE, value.context("template.yaml does not set it")?.to_owned());
    }
    if trusts_the_run {
        environment.insert("SSL_CERT_FILE", backends.authority.display().to_string());
    }
    Ok(environment)
}
