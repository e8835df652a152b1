//! The functions of the template and the routes that lead to them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::http_api::HttpApi;
use super::intrinsics::BINARY;
use super::plain::{Plain, shown};
use super::{FunctionSpec, Route};
use crate::place::API_ID;

const FUNCTION: &str = "AWS::Serverless::Function";

/// The properties that all functions share.
const SHARED: &str = "/Globals/Function";

/// Lambda's default.
const DEFAULT_MEMORY_MB: u32 = 128;

/// All functions with their settings. A condition on a function is ignored: here it costs nothing.
pub(super) fn resolve(template: &Plain) -> anyhow::Result<Vec<FunctionSpec>> {
    let mut functions = Vec::new();
    for logical_id in template.resources(FUNCTION)? {
        let function = format!("/Resources/{logical_id}");
        let own = format!("{function}/Properties");
        let number = |name: &str| -> anyhow::Result<Option<u32>> {
            let own = template.get(&format!("{own}/{name}"))?;
            Ok(own.or(template.get(&format!("{SHARED}/{name}"))?))
        };
        let timeout = number("Timeout")?;
        let timeout = timeout
            .with_context(|| format!("{}: `Timeout` is missing, here and in `Globals`", shown(&function)))?;
        let mut environment = BTreeMap::new();
        for variables in [SHARED, &own].map(|properties| format!("{properties}/Environment/Variables")) {
            for name in template.names(&variables)? {
                environment.insert(name.to_owned(), template.text(&format!("{variables}/{name}"))?);
            }
        }
        functions.push(FunctionSpec {
            name: template.need(&format!("{function}{BINARY}"))?,
            logical_id: logical_id.to_owned(),
            timeout: Duration::from_secs(timeout.into()),
            memory_mb: number("MemorySize")?.unwrap_or(DEFAULT_MEMORY_MB),
            environment,
            every: schedule(template, &own)?,
        });
    }
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(functions)
}

/// How often the function runs by itself, from its event of type `Schedule`.
fn schedule(template: &Plain, properties: &str) -> anyhow::Result<Option<Duration>> {
    let events = format!("{properties}/Events");
    for event in template.names(&events)?.into_iter().map(|name| format!("{events}/{name}")) {
        if template.text(&format!("{event}/Type"))? == "Schedule" {
            let rate = template.text(&format!("{event}/Properties/Schedule"))?;
            let every = interval(&rate);
            return every
                .map(Some)
                .with_context(|| format!("{}: a rate such as `rate(5 minutes)` expected", shown(&event)));
        }
    }
    Ok(None)
}

/// The time between two runs of `rate(5 minutes)`.
fn interval(rate: &str) -> Option<Duration> {
    let (number, unit) = rate.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 60 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()? * seconds))
}

/// All routes, from the `HttpApi` events of the functions.
pub(super) fn routes(template: &Plain, api: &HttpApi) -> anyhow::Result<Vec<Route>> {
    let mut routes: Vec<Route> = Vec::new();
    for function in template.resources(FUNCTION)? {
        let function = format!("/Resources/{function}");
        let events = format!("{function}/Properties/Events");
        for event in template.names(&events)?.into_iter().map(|name| format!("{events}/{name}")) {
            if template.text(&format!("{event}/Type"))? == "HttpApi" {
                let name = template.need(&format!("{function}{BINARY}"))?;
                routes.push(route(template, api, name, &format!("{event}/Properties"))?);
            }
        }
    }
    if let Some(key) = api.guarded.iter().find(|key| routes.iter().all(|route| route.route_key != **key)) {
        bail!("{}: {key} is guarded, and no function has this route", api.logical_id);
    }
    routes.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    Ok(routes)
}

fn route(template: &Plain, api: &HttpApi, function: String, event: &str) -> anyhow::Result<Route> {
    let text = |name: &str| template.text(&format!("{event}/{name}"));
    ensure!(text("ApiId")? == API_ID, "{}.ApiId: `!Ref {}` expected", shown(event), api.logical_id);
    let (method, path) = (text("Method")?.to_ascii_uppercase(), text("Path")?);
    if matches!(method.as_str(), "*" | "ANY") || !path.starts_with('/') || path.contains('+') {
        bail!(
            "{}: a route of one method and one path expected: the local gateway knows no others",
            shown(event)
        );
    }
    let authorizer: Option<String> = template.get(&format!("{event}/Auth/Authorizer"))?;
    let public = authorizer.is_some();
    if authorizer.is_some_and(|authorizer| authorizer != "NONE") {
        bail!("{}.Auth.Authorizer: NONE expected, or nothing", shown(event));
    }
    let route_key = format!("{method} {path}");
    if public == api.guarded.contains(&route_key) {
        bail!(
            "{}: {route_key}: either `Authorizer: NONE` or its security in the paths of the API's \
             `DefinitionBody` expected",
            shown(event)
        );
    }
    Ok(Route { route_key, method, path, function, public })
}
