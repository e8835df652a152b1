//! What a function finds in its environment: what Lambda sets, and the settings of `template.yaml` with the addresses
//! of this run.

use std::collections::BTreeMap;

use crate::backends::{Backends, FAL_KEY, GENERATIONS, LEDGER, PROFILES};

/// Whose tokens the authorizer takes.
pub const ISSUER: &str = "https://auth.example.com/";
/// Whom they are for.
pub const AUDIENCE: &str = "potret";
/// What they are signed with.
pub const JWT_SECRET: &str = "a secret of the bench, and of nothing else";

/// What Lambda itself sets for every function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const OF_LAMBDA: [(&str, &str); 14] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ("_HANDLER", "bootstrap"),
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ("TZ", ":UTC"),
];

/// The functions' own settings. Each function reads those that it has.
const SETTINGS: [(&str, &str); 11] = [
    ("LOG_LEVEL", "info"),
    ("PROFILES_TABLE", PROFILES),
    ("GENERATIONS_TABLE", GENERATIONS),
    ("LEDGER_TABLE", LEDGER),
    ("UPLOADS_BUCKET", "uploads"),
    ("COINS_PER_BATCH", "1"),
    ("FAL_KEY", FAL_KEY),
    ("CURSOR_KEY", "what seals the cursors of the bench"),
    ("JWT_ISSUER", ISSUER),
    ("JWT_AUDIENCE", AUDIENCE),
    ("JWT_SECRET", JWT_SECRET),
];

/// What `template.yaml` sets for the function with the photos only.
const OF_GENERATE_IMAGE: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// The environment of a process of `function` that calls `backends`, and trusts their authority if it `trusts_the_run`.
pub fn of_function(function: &str, backends: &Backends, trusts_the_run: bool) -> BTreeMap<String, String> {
    let [dynamodb, s3, fal] = backends.urls();
    let constant = OF_LAMBDA.into_iter().chain(SETTINGS).map(|(name, value)| (name, value.to_owned()));
    let mut environment: BTreeMap<_, _> = constant.map(|(name, value)| (name.to_owned(), value)).collect();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    // As long as a real one, because it is sent with every call, and hashed for it.
    set("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE".to_owned() + &"Example".repeat(100));
    set("AWS_ENDPOINT_URL_DYNAMODB", dynamodb);
    set("AWS_ENDPOINT_URL_S3", s3);
    set("FAL_BASE_URL", fal.clone());
    set("FAL_QUEUE_URL", fal);
    if function == "generate-image" {
        let (name, value) = OF_GENERATE_IMAGE;
        set(name, value.to_owned());
    }
    if trusts_the_run {
        set("SSL_CERT_FILE", backends.authority().display().to_string());
    }
    environment
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn photos_are_measured_as_they_are_deployed() {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
        let template = fs::read_to_string(template).expect("a template");
        let (name, value) = OF_GENERATE_IMAGE;
        let of_generate_image = template.split("\n  GenerateImage:\n").nth(1).expect("a function");
        assert!(of_generate_image.contains(&format!("\n          {name}: \"{value}\"\n")));
        assert_eq!(template.matches(name).count(), 1);
    }
}
