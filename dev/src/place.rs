//! Where the local stack says that it is.

/// The region of everything local: the one in which S3 wants no location at a bucket's creation.
pub const REGION: &str = "us-east-1";

/// The account in ARNs and events.
pub const ACCOUNT_ID: &str = "000000000000";
