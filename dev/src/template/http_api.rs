//! The HTTP API of the template: its authorizer and what it tells browsers.

use anyhow::bail;

use super::intrinsics::Resolver;
use super::node::Node;
use super::{CorsSpec, JwtSpec};

/// The one HTTP API that a template may have.
pub(super) struct HttpApi {
    pub(super) logical_id: String,
    pub(super) authorizer: String,
    pub(super) cors: CorsSpec,
    pub(super) jwt: JwtSpec,
}

/// Finds the HTTP API and reads it.
pub(super) fn resolve(resolver: &Resolver<'_>) -> anyhow::Result<HttpApi> {
    let apis = resolver.resources("AWS::Serverless::HttpApi")?;
    let [(logical_id, api)] = apis.as_slice() else {
        bail!("one AWS::Serverless::HttpApi expected, {} found", apis.len());
    };
    let properties = api.need("Properties")?;
    let auth = properties.need("Auth")?;
    // Without a default authorizer a new route would be open to everybody.
    let authorizer = resolver.text(&auth.need("DefaultAuthorizer")?)?;
    let settings = auth.need("Authorizers")?.need(&authorizer)?.need("JwtConfiguration")?;
    Ok(HttpApi {
        logical_id: (*logical_id).to_owned(),
        authorizer,
        cors: match properties.get("CorsConfiguration") {
            Some(settings) => cors(resolver, &settings)?,
            None => CorsSpec::default(),
        },
        jwt: JwtSpec {
            issuer: resolver.text(&settings.need("issuer")?)?,
            audience: resolver.texts(&settings.need("audience")?)?,
        },
    })
}

fn cors(resolver: &Resolver<'_>, settings: &Node<'_>) -> anyhow::Result<CorsSpec> {
    let mut cors = CorsSpec::default();
    for (key, value) in settings.entries()? {
        match key {
            "AllowOrigins" => cors.allow_origins = resolver.texts(&value)?,
            "AllowMethods" => cors.allow_methods = resolver.texts(&value)?,
            "AllowHeaders" => cors.allow_headers = resolver.texts(&value)?,
            "ExposeHeaders" => cors.expose_headers = resolver.texts(&value)?,
            "MaxAge" => cors.max_age = Some(resolver.seconds(&value)?),
            // Passed over in silence, it would make a difference on AWS only.
            _ => return Err(value.error("this setting is unknown to the local gateway")),
        }
    }
    Ok(cors)
}
