//! Reads `template.yaml`, so that every route, table and setting is written down exactly once.
//!
//! Only what the local stack needs is resolved: parameters, local names and the settings of
//! functions. Permissions, logs and alarms mean nothing on one machine and are skipped, whatever
//! they contain.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use intrinsics::Resolver;
use node::Node;

mod functions;
mod http_api;
mod intrinsics;
mod node;
pub mod place;
mod storage;
pub mod tables;
mod yaml;

/// The template that is deployed. Compiled in, so that the stack runs from any folder.
pub const DEPLOYED: &str = include_str!("../../../template.yaml");

/// Stands for the identity provider of a deployment.
const ISSUER: &str = "https://potret.local/";

/// What the tokens are for.
const AUDIENCE: &str = "potret";

/// A parsed CloudFormation template, its intrinsic functions not yet resolved.
#[derive(Debug)]
pub struct Template {
    root: Value,
}

/// What a deployment would supply: the stack's name and the values of its parameters.
#[derive(Debug, Clone)]
pub struct LocalStack {
    /// Stands for `AWS::StackName` and begins the name of every table and bucket.
    pub name: String,
    /// Values of parameters, in place of their defaults. Lists are comma-separated, as at a
    /// deployment.
    pub parameters: BTreeMap<String, String>,
}

impl LocalStack {
    /// A local stack with this name, whose gateway checks tokens by `auth_mode` and answers every origin.
    #[must_use]
    pub fn new(name: &str, auth_mode: AuthMode) -> Self {
        let parameters = [
            ("JwtIssuer", ISSUER),
            ("JwtAudience", AUDIENCE),
            ("AuthMode", auth_mode.name()),
            ("AllowedOrigins", "*"),
        ];
        Self {
            name: name.to_owned(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// The template's resources for this stack, without starting any.
    ///
    /// # Errors
    ///
    /// When the template cannot be read.
    pub fn resources(&self) -> anyhow::Result<Stack> {
        Template::parse(DEPLOYED)?.resolve(self)
    }
}

/// Who checks the tokens: a value of the template's parameter `AuthMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// The gateway itself.
    Jwt,
    /// The function authorizer: `AUTH_MODE=lambda`.
    Lambda,
}

impl AuthMode {
    /// The parameter's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Lambda => "lambda",
        }
    }
}

/// Everything the local stack takes from the template, with plain values only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The Lambda functions, by name.
    pub functions: Vec<FunctionSpec>,
    /// The routes of the HTTP API, by path and method.
    pub routes: Vec<Route>,
    /// The DynamoDB tables, by name.
    pub tables: Vec<TableSpec>,
    /// The names of the S3 buckets, sorted.
    pub buckets: Vec<String>,
    /// What the HTTP API tells browsers.
    pub cors: CorsSpec,
    /// Who decides whether a request has a good token.
    pub authorizer: AuthorizerSpec,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSpec {
    /// The binary that is built for it, such as `generate-image`; also its folder and package.
    pub name: String,
    /// Its name inside the template, such as `GenerateImage`.
    pub logical_id: String,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// The memory that one instance has.
    pub memory_mb: u32,
    /// The settings it starts with, those common to all functions included.
    pub environment: BTreeMap<String, String>,
}

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method in capitals, or `ANY`.
    pub method: String,
    /// The path as the template has it, with its `{parameters}`.
    pub path: String,
    /// Method and path as API Gateway writes them in an event: `POST /api/generate-image`.
    pub route_key: String,
    /// The [`FunctionSpec::name`] that answers.
    pub function: String,
    /// Whether it answers without a token.
    pub public: bool,
}

/// The cross-origin rules of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CorsSpec {
    /// Origins whose pages may call, or `*`.
    pub allow_origins: Vec<String>,
    /// Methods that they may use.
    pub allow_methods: Vec<String>,
    /// Headers that they may send.
    pub allow_headers: Vec<String>,
    /// Headers of the answer that they may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may remember these rules.
    pub max_age: Option<Duration>,
}

/// The authorizer of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizerSpec {
    /// API Gateway itself.
    Jwt(JwtSpec),
    /// The function of that name.
    Function(String),
}

/// Whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtSpec {
    /// The `iss` that a token must have, character for character.
    pub issuer: String,
    /// A token must name one of these in `aud`, or in `client_id`.
    pub audience: Vec<String>,
}

impl JwtSpec {
    /// Whose tokens every local stack takes.
    #[must_use]
    pub fn local() -> Self {
        Self { issuer: ISSUER.to_owned(), audience: vec![AUDIENCE.to_owned()] }
    }
}

/// One DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// Its local name, such as `potret-profiles`.
    pub name: String,
    /// The type (`S`, `N` or `B`) of every attribute that a key mentions.
    pub attribute_types: BTreeMap<String, String>,
    /// The key of its items.
    pub key: KeySpec,
    /// Indexes within one partition, which can be read consistently.
    pub local_indexes: Vec<IndexSpec>,
    /// Indexes over all partitions.
    pub global_indexes: Vec<IndexSpec>,
    /// The attribute whose time, in seconds since 1970, ends an item's life.
    pub ttl_attribute: Option<String>,
}

/// The key of a table or an index: the attributes' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// The attribute that chooses the partition.
    pub partition: String,
    /// The attribute that orders the items within it.
    pub sort: Option<String>,
}

/// One index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: KeySpec,
    /// What it copies: `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// The attributes copied by `INCLUDE`.
    pub included: Vec<String>,
}

impl Template {
    /// Parses the text of a template.
    ///
    /// # Errors
    ///
    /// When it is not one YAML mapping; the message has the line.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let root = yaml::parse(text).context("cannot read the template")?;
        Ok(Self { root })
    }

    /// The template as JSON: `!Ref A` is `{"Ref": "A"}`.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.root
    }

    /// Resolves what the local stack needs.
    ///
    /// # Errors
    ///
    /// When a value it needs is missing, of the wrong kind, or depends on something that exists on
    /// AWS only. The message has the path of the value, such as
    /// `Resources.Api.Properties.CorsConfiguration`.
    pub fn resolve(&self, local: &LocalStack) -> anyhow::Result<Stack> {
        let root = Node::root(&self.root);
        let resolver = Resolver::new(&root, local)?;
        let api = http_api::resolve(&resolver)?;
        let functions = functions::resolve(&resolver)?;
        Ok(Stack {
            routes: functions::routes(&resolver, &api)?,
            functions,
            tables: storage::tables(&resolver)?,
            buckets: storage::buckets(&resolver)?,
            cors: api.cors,
            authorizer: api.authorizer,
        })
    }
}

impl Stack {
    /// The function of that name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionSpec> {
        self.functions.iter().find(|function| function.name == name)
    }
}

#[cfg(test)]
mod tests;
