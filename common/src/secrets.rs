//! The fal key: from Systems Manager in the cloud, from the environment on a laptop.

use aws_config::SdkConfig;
use secrecy::SecretString;
use thiserror::Error;

use crate::aws;
use crate::config::FalKeySource;
use crate::fal::FalKey;

/// Why there is no fal key. No variant holds any part of it.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Systems Manager did not give the parameter.
    #[error("the parameter {name} could not be read: {cause}")]
    Unreadable {
        /// The parameter's name.
        name: String,
        /// The SDK's account of it.
        cause: String,
    },
    /// The parameter holds something else.
    #[error("the parameter {name} does not hold a fal key of the form <id>:<secret>")]
    NotAKey {
        /// The parameter's name.
        name: String,
    },
}

/// Fetches the key once, at the function's start; the client keeps it for the life of the instance.
pub async fn fal_key(source: FalKeySource, config: &SdkConfig) -> Result<FalKey, SecretError> {
    let name = match source {
        FalKeySource::Value(key) => return Ok(key),
        FalKeySource::Parameter(name) => name,
    };
    let answer = aws::ssm(config).get_parameter().name(&name).with_decryption(true).send().await;
    let parameter = match answer {
        Ok(answer) => answer.parameter,
        Err(error) => return Err(SecretError::Unreadable { name, cause: aws::describe(&error) }),
    };
    let value = SecretString::from(parameter.and_then(|parameter| parameter.value).unwrap_or_default());
    FalKey::parse(value).map_err(|_| SecretError::NotAKey { name })
}
