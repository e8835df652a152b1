//! The HTTP API of the template: its authorizer and its cross-origin rules.

use anyhow::bail;

use super::intrinsics::Resolver;
use super::node::Node;
use super::{AuthorizerSpec, CorsSpec, JwtSpec};

/// API Gateway's extension of a security scheme of OpenAPI.
const AUTHORIZER: &str = "x-amazon-apigateway-authorizer";

/// The only HTTP API of a template.
pub(super) struct HttpApi {
    pub(super) logical_id: String,
    pub(super) cors: CorsSpec,
    pub(super) authorizer: AuthorizerSpec,
    /// The keys of the routes behind the authorizer.
    pub(super) guarded: Vec<String>,
}

pub(super) fn resolve(resolver: &Resolver<'_>) -> anyhow::Result<HttpApi> {
    let apis = resolver.resources("AWS::Serverless::HttpApi")?;
    let [(logical_id, api)] = apis.as_slice() else {
        bail!("one AWS::Serverless::HttpApi expected, {} found", apis.len());
    };
    let properties = api.need("Properties")?;
    // Without a default authorizer a new route would be open to everybody.
    properties.need("Auth")?.need("DefaultAuthorizer")?;
    let body = properties.need("DefinitionBody")?;
    let schemes = body.need("components")?.need("securitySchemes")?;
    let schemes_by_name = schemes.entries()?;
    let [(name, scheme)] = schemes_by_name.as_slice() else {
        return Err(schemes.error("one scheme expected"));
    };
    Ok(HttpApi {
        logical_id: (*logical_id).to_owned(),
        cors: match properties.get("CorsConfiguration") {
            Some(settings) => cors(resolver, &settings)?,
            None => CorsSpec::default(),
        },
        authorizer: authorizer(resolver, &resolver.chosen(scheme)?.need(AUTHORIZER)?)?,
        guarded: guarded(&body.need("paths")?, name)?,
    })
}

fn authorizer(resolver: &Resolver<'_>, settings: &Node<'_>) -> anyhow::Result<AuthorizerSpec> {
    let kind = settings.need("type")?;
    match kind.literal()? {
        "jwt" => {
            let settings = settings.need("jwtConfiguration")?;
            Ok(AuthorizerSpec::Jwt(JwtSpec {
                issuer: resolver.text(&settings.need("issuer")?)?,
                audience: resolver.texts(&settings.need("audience")?)?,
            }))
        }
        "request" => {
            let uri = settings.need("authorizerUri")?;
            let text = resolver.text(&uri)?;
            let function = text.strip_suffix("/invocations").and_then(|text| text.rsplit_once(":function:"));
            let (_, function) = function.ok_or_else(|| uri.error("a function's address expected"))?;
            Ok(AuthorizerSpec::Function(function.to_owned()))
        }
        _ => Err(kind.error("jwt or request expected")),
    }
}

/// The keys of the routes below `paths` whose only security is the scheme of that name.
fn guarded(paths: &Node<'_>, scheme: &str) -> anyhow::Result<Vec<String>> {
    let mut guarded = Vec::new();
    for (path, methods) in paths.entries()? {
        for (method, operation) in methods.entries()? {
            let security = operation.need("security")?;
            if *security.value != serde_json::json!([{ scheme: [] }]) {
                return Err(security.error(format!("[{{{scheme}: []}}] expected")));
            }
            guarded.push(format!("{} {path}", method.to_ascii_uppercase()));
        }
    }
    Ok(guarded)
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
            // If ignored, the setting would have an effect on AWS only.
            _ => return Err(value.error("the local gateway does not know this setting")),
        }
    }
    Ok(cors)
}
