//! Secrets: from Systems Manager in the cloud, from the environment on a laptop.

use secrecy::SecretString;
use thiserror::Error;

use crate::aws::{self, Aws};

/// A value that nobody may see.
pub trait Secret: Sized {
    /// What it must look like, to complete a sentence that begins with where it came from.
    const FORM: &'static str;

    /// Reads the text, if it has the form.
    fn parse(text: SecretString) -> Option<Self>;
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum Source<S> {
    /// From the environment.
    Value(S),
    /// From the Systems Manager parameter of this name.
    Parameter(String),
}

/// Why there is no secret. No variant holds any part of it.
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
    #[error("the parameter {name} {form}")]
    WrongForm {
        /// The parameter's name.
        name: String,
        /// What it must look like.
        form: &'static str,
    },
}

impl<S: Secret> Source<S> {
    /// Fetches the secret, once, at the function's start; it is kept for the life of the instance.
    pub async fn fetch(self, aws: &Aws) -> Result<S, SecretError> {
        let name = match self {
            Self::Value(secret) => return Ok(secret),
            Self::Parameter(name) => name,
        };
        let answer = aws.ssm().get_parameter().name(&name).with_decryption(true).send().await;
        let parameter = match answer {
            Ok(answer) => answer.parameter,
            Err(error) => return Err(SecretError::Unreadable { name, cause: aws::describe(&error) }),
        };
        let value = SecretString::from(parameter.and_then(|parameter| parameter.value).unwrap_or_default());
        S::parse(value).ok_or(SecretError::WrongForm { name, form: S::FORM })
    }
}
