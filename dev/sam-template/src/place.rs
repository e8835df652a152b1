//! Where the local stack says that it is.

/// The region of everything local: the one in which S3 wants no location at a bucket's creation.
pub const REGION: &str = "us-east-1";

/// The account in ARNs and events.
pub const ACCOUNT_ID: &str = "000000000000";

/// The name of a function that Lambda, and whoever invokes the function, know.
#[must_use]
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}
