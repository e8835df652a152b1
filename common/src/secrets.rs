//! Secrets: from Systems Manager in the cloud, from the environment on a laptop.

use secrecy::SecretString;
use thiserror::Error;

use crate::aws::{self, Aws};
use crate::settings::Settings;

/// A value that nobody may see.
pub trait Secret: Sized {
    /// Its required form, as the end of a sentence whose subject is the setting.
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

/// Why a secret cannot be had. No variant holds any part of it.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Systems Manager did not give the parameter.
    #[error("the parameter {name} could not be read: {cause}")]
    Unreadable { name: String, cause: String },
    /// The parameter holds something else.
    #[error("the parameter {name} {form}")]
    WrongForm {
        name: String,
        /// Its required form.
        form: &'static str,
    },
}

impl<S: Secret> Source<S> {
    /// Reads the setting `name`, which holds the secret, or `<name>_PARAMETER`, which names a parameter that
    /// does.
    pub fn load(settings: &mut Settings<'_>, name: &str) -> Option<Self> {
        let parameter = format!("{name}_PARAMETER");
        let value = settings.optional(name).map(SecretString::from);
        let source = match (value, settings.optional(&parameter)) {
            (Some(value), _) => {
                S::parse(value).map(Source::Value).ok_or_else(|| format!("{name} {}", S::FORM))
            }
            (None, Some(parameter)) => Ok(Source::Parameter(parameter)),
            (None, None) => Err(format!("neither {name} nor {parameter} is set")),
        };
        source.map_err(|fault| settings.fault(fault)).ok()
    }
}

/// Fetches a secret from the Systems Manager parameter `name`.
///
/// # Errors
///
/// When the parameter cannot be read, or holds something else.
pub async fn fetch<S: Secret>(name: String, aws: &Aws) -> Result<S, SecretError> {
    let response = aws.ssm().get_parameter().name(&name).with_decryption(true).send().await;
    let parameter = match response {
        Ok(response) => response.parameter,
        Err(error) => return Err(SecretError::Unreadable { name, cause: aws::describe(&error) }),
    };
    let value = SecretString::from(parameter.and_then(|parameter| parameter.value).unwrap_or_default());
    S::parse(value).ok_or(SecretError::WrongForm { name, form: S::FORM })
}
