//! AWS clients as the functions use them: with time limits, because the SDK sets a connect timeout only.

use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// One try of a DynamoDB call. They answer in milliseconds; a second and a half is a lost connection.
const DYNAMODB_ATTEMPT: Duration = Duration::from_millis(1_500);

/// A DynamoDB call with the SDK's own retries.
const DYNAMODB_OPERATION: Duration = Duration::from_secs(5);

/// One try of an S3 upload, up to 4 MiB.
const S3_ATTEMPT: Duration = Duration::from_secs(4);

/// An S3 upload with the SDK's own retries.
const S3_OPERATION: Duration = Duration::from_secs(9);

/// A DynamoDB client.
pub type DynamoDb = aws_sdk_dynamodb::Client;

/// An S3 client.
pub type S3 = aws_sdk_s3::Client;

/// What the Lambda environment says: region, credentials, and the endpoints of `AWS_ENDPOINT_URL_*`.
pub async fn from_environment() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// A DynamoDB client with our time limits.
pub fn dynamodb(config: &SdkConfig) -> DynamoDb {
    let limits = limits(DYNAMODB_ATTEMPT, DYNAMODB_OPERATION);
    let config = aws_sdk_dynamodb::config::Builder::from(config).timeout_config(limits).build();
    DynamoDb::from_conf(config)
}

/// An S3 client with our time limits.
pub fn s3(config: &SdkConfig) -> S3 {
    let limits = limits(S3_ATTEMPT, S3_OPERATION);
    let config = aws_sdk_s3::config::Builder::from(config).timeout_config(limits).build();
    S3::from_conf(config)
}

/// A Systems Manager client with the SDK's limits and ours for one call.
pub fn ssm(config: &SdkConfig) -> aws_sdk_ssm::Client {
    let limits = limits(DYNAMODB_ATTEMPT, DYNAMODB_OPERATION);
    let config = aws_sdk_ssm::config::Builder::from(config).timeout_config(limits).build();
    aws_sdk_ssm::Client::from_conf(config)
}

fn limits(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// Whether the same call may succeed later: not when it was wrong or not allowed.
pub fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ServiceError(context) => {
            let throttled = context.err().code().is_some_and(|code| {
                ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"]
                    .contains(&code)
            });
            throttled || context.raw().status().is_server_error()
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    }
}

/// An SDK error in one line for the log: code and message, or what went wrong on the way. Unlike the SDK's own
/// debug form it holds no response body, which could hold a user's data.
pub fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let error = context.err();
            let code = error.code().unwrap_or("unknown error");
            format!("{code}: {}", error.message().unwrap_or("no message"))
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .map_or_else(|| "the request was not sent".to_owned(), |error| chain(error)),
        SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
        _ => "the answer could not be read".to_owned(),
    }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
