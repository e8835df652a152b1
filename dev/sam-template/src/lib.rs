//! Reads `template.yaml`, the one list of routes, tables and settings.
//!
//! It resolves what the local stack needs: parameters, local names and the settings of functions.
//! Permissions, logs and alarms mean nothing on one machine and are skipped.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use intrinsics::Resolver;
use plain::Plain;
use tables::TableSpec;

mod functions;
mod http_api;
mod intrinsics;
pub mod place;
mod plain;
pub mod tables;
mod yaml;

/// The template that is deployed, compiled in so that the stack runs from any folder.
pub const DEPLOYED: &str = include_str!("../../../template.yaml");

/// In place of a deployment's identity provider.
const ISSUER: &str = "https://potret.local/";

const AUDIENCE: &str = "potret";

/// In a local stack's list of allowed origins, every page of this machine, on any port. API Gateway has no word
/// for that.
pub const LOOPBACK: &str = "loopback";

/// A parsed CloudFormation template, its intrinsic functions not yet resolved.
#[derive(Debug)]
pub struct Template {
    root: Value,
}

/// The input of a deployment: the stack's name and the values of its parameters.
#[derive(Debug, Clone)]
pub struct LocalStack {
    /// `AWS::StackName`, with which the name of every table and bucket begins.
    pub name: String,
    /// Values in place of the defaults. Lists are comma-separated, as at a deployment.
    pub parameters: BTreeMap<String, String>,
}

impl LocalStack {
    /// A local stack that the pages of this machine may call.
    #[must_use]
    pub fn new(name: &str, auth_mode: AuthMode) -> Self {
        let parameters = [
            ("JwtIssuer", ISSUER),
            ("JwtAudience", AUDIENCE),
            ("AuthMode", auth_mode.name()),
            ("AllowedOrigins", LOOPBACK),
        ];
        Self {
            name: name.to_owned(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// The same for the pages of these origins, comma-separated.
    #[must_use]
    pub fn for_pages_of(mut self, origins: &str) -> Self {
        self.parameters.insert("AllowedOrigins".to_owned(), origins.to_owned());
        self
    }

    /// The resources of the deployed template for this stack.
    ///
    /// # Errors
    ///
    /// As [`Template::resolve`].
    pub fn resources(&self) -> anyhow::Result<Resources> {
        Template::parse(DEPLOYED)?.resolve(self)
    }
}

/// The checker of tokens: a value of the template's parameter `AuthMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// The gateway itself.
    Jwt,
    /// The function authorizer.
    Lambda,
}

impl AuthMode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Lambda => "lambda",
        }
    }
}

/// The resources that the local stack needs, with plain values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// By name.
    pub functions: Vec<FunctionSpec>,
    /// By path and method.
    pub routes: Vec<Route>,
    /// By name.
    pub tables: Vec<TableSpec>,
    /// The names of the S3 buckets, sorted.
    pub buckets: Vec<String>,
    pub cors: CorsSpec,
    pub authorizer: AuthorizerSpec,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// The name of its binary, folder and package, such as `generate-image`.
    pub name: String,
    /// The name in the template, such as `GenerateImage`.
    pub logical_id: String,
    /// The longest time of one invocation.
    pub timeout: Duration,
    pub memory_mb: u32,
    /// Its settings, with those that all functions share.
    pub environment: BTreeMap<String, String>,
    /// How often EventBridge runs it, if it does.
    pub every: Option<Duration>,
}

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// The path with its `{parameters}`.
    pub path: String,
    /// Method and path as in API Gateway's events: `POST /api/generate-image`.
    pub route_key: String,
    /// The [`FunctionSpec::name`] of the function behind it.
    pub function: String,
    /// Whether it needs no token.
    pub public: bool,
}

/// The cross-origin rules of the HTTP API.
///
/// An unknown setting is refused: ignored, it would have an effect on AWS only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
pub struct CorsSpec {
    /// The origins whose pages may call, or `*`; locally also [`LOOPBACK`].
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    /// How long a browser may cache these rules, in seconds.
    pub max_age: Option<u32>,
}

/// The authorizer of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizerSpec {
    /// API Gateway itself.
    Jwt(JwtSpec),
    /// The function of that name.
    Function(String),
}

/// The tokens that are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JwtSpec {
    /// The `iss` of a token, character for character.
    pub issuer: String,
    /// One of these must be in `aud`, or in `client_id`.
    pub audience: Vec<String>,
}

impl JwtSpec {
    /// The tokens of every local stack.
    #[must_use]
    pub fn local() -> Self {
        Self { issuer: ISSUER.to_owned(), audience: vec![AUDIENCE.to_owned()] }
    }
}

impl Template {
    /// Parses the text of a template.
    ///
    /// # Errors
    ///
    /// When the text is not one YAML mapping; the message has the line.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let root = yaml::parse(text).context("cannot read the template")?;
        Ok(Self { root })
    }

    /// The template as JSON: `!Ref A` is `{"Ref": "A"}`.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.root
    }

    /// The resources of this template for a local stack.
    ///
    /// # Errors
    ///
    /// When a value is missing, has the wrong kind, or depends on something that exists on AWS only. The
    /// message has the path of the value, such as `Resources.Api.Properties.CorsConfiguration`.
    pub fn resolve(&self, local: &LocalStack) -> anyhow::Result<Resources> {
        let resolver = Resolver::new(&self.root, local)?;
        let template = Plain(resolver.resolved(&self.root));
        let api = http_api::resolve(&template)?;
        let mut tables = Vec::new();
        for logical_id in template.resources("AWS::DynamoDB::Table")? {
            let mut table: TableSpec = template.need(&format!("/Resources/{logical_id}/Properties"))?;
            table.name = resolver.local_name(logical_id);
            tables.push(table);
        }
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let buckets = template.resources("AWS::S3::Bucket")?.into_iter();
        let mut buckets: Vec<_> = buckets.map(|logical_id| resolver.local_name(logical_id)).collect();
        buckets.sort();
        Ok(Resources {
            functions: functions::resolve(&template)?,
            routes: functions::routes(&template, &api)?,
            tables,
            buckets,
            cors: api.cors,
            authorizer: api.authorizer,
        })
    }
}

#[cfg(test)]
mod tests;
