//! The HTTP API of the template: its authorizer and its cross-origin rules.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::plain::{Plain, shown};
use super::{AuthorizerSpec, CorsSpec};

/// The only HTTP API of a template.
pub(super) struct HttpApi {
    pub(super) logical_id: String,
    pub(super) cors: CorsSpec,
    pub(super) authorizer: AuthorizerSpec,
    /// The keys of the routes behind the authorizer.
    pub(super) guarded: Vec<String>,
}

pub(super) fn resolve(template: &Plain) -> anyhow::Result<HttpApi> {
    let apis = template.resources("AWS::Serverless::HttpApi")?;
    let [logical_id] = apis[..] else {
        bail!("one AWS::Serverless::HttpApi expected, {} found", apis.len());
    };
    let properties = format!("/Resources/{logical_id}/Properties");
    // Without a default authorizer a new route would be open to everybody.
    template.need::<IgnoredAny>(&format!("{properties}/Auth/DefaultAuthorizer"))?;
    let body = format!("{properties}/DefinitionBody");
    let schemes = format!("{body}/components/securitySchemes");
    let names = template.names(&schemes)?;
    let [name] = names[..] else { bail!("{}: one scheme expected", shown(&schemes)) };
    Ok(HttpApi {
        logical_id: logical_id.to_owned(),
        cors: template.get(&format!("{properties}/CorsConfiguration"))?.unwrap_or_default(),
        authorizer: authorizer(template, &format!("{schemes}/{name}"))?,
        guarded: guarded(template, &format!("{body}/paths"), name)?,
    })
}

fn authorizer(template: &Plain, scheme: &str) -> anyhow::Result<AuthorizerSpec> {
    // API Gateway's extension of a security scheme of OpenAPI.
    let settings = format!("{scheme}/x-amazon-apigateway-authorizer");
    match template.text(&format!("{settings}/type"))?.as_str() {
        "jwt" => Ok(AuthorizerSpec::Jwt(template.need(&format!("{settings}/jwtConfiguration"))?)),
        "request" => {
            let uri = template.text(&format!("{settings}/authorizerUri"))?;
            let function = uri.strip_suffix("/invocations").and_then(|uri| uri.rsplit_once(":function:"));
            let (_, function) = function
                .with_context(|| format!("{}: {uri} is not a function's address", shown(&settings)))?;
            Ok(AuthorizerSpec::Function(function.to_owned()))
        }
        _ => bail!("{}.type: jwt or request expected", shown(&settings)),
    }
}

/// The keys of the routes below `paths` whose only security is the scheme of that name.
fn guarded(template: &Plain, paths: &str, scheme: &str) -> anyhow::Result<Vec<String>> {
    let mut guarded = Vec::new();
    for (path, methods) in template.need::<BTreeMap<String, BTreeMap<String, Value>>>(paths)? {
        for (method, operation) in methods {
            let key = format!("{} {path}", method.to_ascii_uppercase());
            ensure!(
                operation["security"] == json!([{ scheme: [] }]),
                "{}: {key}: security: [{{{scheme}: []}}] expected",
                shown(paths)
            );
            guarded.push(key);
        }
    }
    Ok(guarded)
}
