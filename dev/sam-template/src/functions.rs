//! The functions of the template and the routes that lead to them.

use std::collections::BTreeMap;

use anyhow::bail;

use super::http_api::HttpApi;
use super::intrinsics::{Resolver, binary};
use super::node::Node;
use super::{FunctionSpec, Route};

const FUNCTION: &str = "AWS::Serverless::Function";

/// Lambda's default.
const DEFAULT_MEMORY_MB: u32 = 128;

/// All functions with their settings. A condition on a function is ignored: here it costs nothing.
pub(super) fn resolve(resolver: &Resolver<'_>) -> anyhow::Result<Vec<FunctionSpec>> {
    let mut functions = Vec::new();
    for (logical_id, function) in resolver.resources(FUNCTION)? {
        let timeout = layers(resolver, &function, &["Timeout"]).pop();
        let timeout = timeout.ok_or_else(|| function.error("`Timeout` is missing, here and in `Globals`"))?;
        let memory = layers(resolver, &function, &["MemorySize"]).pop();
        functions.push(FunctionSpec {
            name: binary(&function)?,
            logical_id: logical_id.to_owned(),
            timeout: resolver.seconds(&timeout)?,
            memory_mb: memory.map_or(Ok(DEFAULT_MEMORY_MB), |memory| megabytes(resolver, &memory))?,
            environment: environment(resolver, &function)?,
        });
    }
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(functions)
}

fn megabytes(resolver: &Resolver<'_>, node: &Node<'_>) -> anyhow::Result<u32> {
    resolver.text(node)?.parse().map_err(|_| node.error("whole megabytes expected"))
}

/// All routes, from the `HttpApi` events of the functions.
pub(super) fn routes(resolver: &Resolver<'_>, api: &HttpApi) -> anyhow::Result<Vec<Route>> {
    let mut routes = Vec::new();
    for (_, function) in resolver.resources(FUNCTION)? {
        let events = function.at(&["Properties", "Events"]);
        for (_, event) in events.map_or(Ok(Vec::new()), |events| events.entries())? {
            if event.need("Type")?.literal()? == "HttpApi" {
                routes.push(route(resolver, api, binary(&function)?, &event.need("Properties")?)?);
            }
        }
    }
    let is_route = |key: &&String| routes.iter().any(|route: &Route| route.route_key == **key);
    if let Some(guarded) = api.guarded.iter().find(|key| !is_route(key)) {
        bail!("{}: {guarded} is guarded, and no function has this route", api.logical_id);
    }
    routes.sort_by(|a: &Route, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    Ok(routes)
}

fn route(
    resolver: &Resolver<'_>,
    api: &HttpApi,
    function: String,
    event: &Node<'_>,
) -> anyhow::Result<Route> {
    let id = event.need("ApiId")?;
    if id.intrinsic().and_then(|(_, argument)| argument.value.as_str()) != Some(&api.logical_id) {
        return Err(id.error(format!("`!Ref {}` expected", api.logical_id)));
    }
    let method = resolver.text(&event.need("Method")?)?.to_ascii_uppercase();
    let path = resolver.text(&event.need("Path")?)?;
    if matches!(method.as_str(), "*" | "ANY") || !path.starts_with('/') || path.contains('+') {
        return Err(
            event.error("a route of one method and one path expected: the local gateway knows no others")
        );
    }
    let route_key = format!("{method} {path}");
    let public = match event.at(&["Auth", "Authorizer"]) {
        Some(node) if node.literal()? == "NONE" => true,
        Some(node) => return Err(node.error("NONE expected, or nothing")),
        None => false,
    };
    if public == api.guarded.contains(&route_key) {
        let needed =
            "either `Authorizer: NONE` or its security in the paths of the API's `DefinitionBody` expected";
        return Err(event.error(format!("{route_key}: {needed}")));
    }
    Ok(Route { route_key, method, path, function, public })
}

/// The settings of all functions, overridden by this function's own.
fn environment(resolver: &Resolver<'_>, function: &Node<'_>) -> anyhow::Result<BTreeMap<String, String>> {
    let mut environment = BTreeMap::new();
    for variables in layers(resolver, function, &["Environment", "Variables"]) {
        for (name, value) in variables.entries()? {
            environment.insert(name.to_owned(), resolver.text(&value)?);
        }
    }
    Ok(environment)
}

/// The values at that path of `Globals.Function` and of the function's own properties. The later one wins.
fn layers<'t>(resolver: &Resolver<'t>, function: &Node<'t>, path: &[&str]) -> Vec<Node<'t>> {
    let own = function.get("Properties");
    let layers = [resolver.function_globals.clone(), own].into_iter().flatten();
    layers.filter_map(|properties| properties.at(path)).collect()
}
