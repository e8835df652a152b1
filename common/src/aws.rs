//! AWS clients as the functions use them: over the process's one HTTP client, with time limits of their own.

use std::error::Error;
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, SharedCredentialsProvider};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_types::SdkConfig;
use thiserror::Error;
use url::Url;

use crate::net::HttpClient;
use crate::s3::S3Bucket;

pub use aws_sdk_dynamodb::config::{Credentials, Region};

/// One try of a call. DynamoDB responds in milliseconds; a second and a half is a lost connection.
const TRY: Duration = Duration::from_millis(1_500);

/// A call with the SDK's own retries.
const OPERATION: Duration = Duration::from_secs(5);

/// A DynamoDB client.
pub type DynamoDb = aws_sdk_dynamodb::Client;

/// How to reach AWS: where, as whom, and over which connections.
#[derive(Debug, Clone)]
pub struct Aws {
    http: HttpClient,
    region: Region,
    credentials: Credentials,
    endpoints: Endpoints,
}

/// The servers that stand in for a service's own, if any.
#[derive(Debug, Clone, Default)]
struct Endpoints {
    dynamodb: Option<String>,
    s3: Option<String>,
    ssm: Option<String>,
}

/// Why AWS cannot be reached from here.
#[derive(Debug, Error)]
pub enum AwsError {
    /// A part of the Lambda environment is missing.
    #[error(
        "{0} is not set: AWS Lambda sets this variable, and it must be set where the function runs elsewhere"
    )]
    NotSet(&'static str),
    #[error("the bucket {name} has no address: {cause}")]
    Bucket { name: String, cause: String },
}

impl Aws {
    /// What the Lambda environment says, through `lookup`: region, credentials, and the endpoints that
    /// `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL` name. The credentials live longer than the
    /// instance.
    pub fn from_environment(
        lookup: &dyn Fn(&str) -> Option<String>,
        http: HttpClient,
    ) -> Result<Self, AwsError> {
        let required = |name| lookup(name).ok_or(AwsError::NotSet(name));
        let (id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        let endpoint =
            |service| lookup(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| lookup("AWS_ENDPOINT_URL"));
        Ok(Self {
            http,
            region: Region::new(required("AWS_REGION")?),
            credentials: Credentials::new(id, secret, lookup("AWS_SESSION_TOKEN"), None, "environment"),
            endpoints: Endpoints { dynamodb: endpoint("DYNAMODB"), s3: endpoint("S3"), ssm: endpoint("SSM") },
        })
    }

    /// One server for all services, as `credentials`.
    pub fn at(endpoint: &Url, region: Region, credentials: Credentials, http: HttpClient) -> Self {
        let endpoint = Some(endpoint.to_string());
        let endpoints = Endpoints { dynamodb: endpoint.clone(), s3: endpoint.clone(), ssm: endpoint };
        Self { http, region, credentials, endpoints }
    }

    /// A DynamoDB client.
    pub fn dynamodb(&self) -> DynamoDb {
        DynamoDb::new(&self.config(self.endpoints.dynamodb.as_deref()))
    }

    /// The bucket `name` of S3.
    ///
    /// # Errors
    ///
    /// When the name or the endpoint cannot be part of a URL.
    pub fn bucket(&self, name: String) -> Result<S3Bucket, AwsError> {
        let unusable = |cause: String| AwsError::Bucket { name: name.clone(), cause };
        let endpoint = self.endpoints.s3.as_deref().map(Url::parse).transpose();
        let endpoint = endpoint.map_err(|error| unusable(error.to_string()))?;
        let (region, credentials) = (self.region.to_string(), s3_credentials(&self.credentials));
        S3Bucket::new(self.http.clone(), endpoint, name.clone(), region, credentials)
            .map_err(|error| unusable(error.to_string()))
    }

    /// A Systems Manager client.
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config(self.endpoints.ssm.as_deref()))
    }

    fn config(&self, endpoint: Option<&str>) -> SdkConfig {
        let limits =
            TimeoutConfig::builder().operation_attempt_timeout(TRY).operation_timeout(OPERATION).build();
        let http = self.http.clone();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client_fn(move |_, _| http.clone()))
            .region(self.region.clone())
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .timeout_config(limits);
        config.set_endpoint_url(endpoint.map(str::to_owned));
        config.build()
    }
}

/// The credentials as requests of S3 are signed with them.
pub fn s3_credentials(credentials: &Credentials) -> rusty_s3::Credentials {
    let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
    match credentials.session_token() {
        Some(token) => rusty_s3::Credentials::new_with_token(id, secret, token),
        None => rusty_s3::Credentials::new(id, secret),
    }
}

/// Whether the same call may succeed later: not when it was wrong or not allowed.
pub fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ServiceError(context) => {
            let throttled = context.err().code().is_some_and(is_throttling);
            throttled || context.raw().status().is_server_error()
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    }
}

/// Whether an error's code says that the call was not applied because there were too many. These are the
/// SDK's codes.
pub fn is_throttling(code: &str) -> bool {
    THROTTLING_ERRORS.contains(&code)
}

/// An SDK error in one line for the log: code and message, or what went wrong on the way. Unlike the SDK's
/// own debug form it holds no response body, which could hold a user's data.
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
