//! The region, the account and the API of everything local.

/// The region in which S3 wants no location when a bucket is created.
pub const REGION: &str = "us-east-1";

pub const ACCOUNT_ID: &str = "000000000000";

/// The id of the HTTP API.
pub const API_ID: &str = "local";

/// The ARN of a function.
#[must_use]
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}
