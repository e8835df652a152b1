//! The route table: which route a request takes.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::collections::BTreeMap;

use anyhow::Context;
use http::Method;
use sam_template::Route;

use super::percent_decoded;

/// The routes of each method, by path. Exact segments are preferred to parameters.
pub(super) struct RouteTable(BTreeMap<String, matchit::Router<Route>>);

impl RouteTable {
    pub(super) fn new(routes: Vec<Route>) -> anyhow::Result<Self> {
        let mut by_method = BTreeMap::<_, matchit::Router<Route>>::new();
        for route in routes {
            let (path, route_key) = (route.path.clone(), route.route_key.clone());
            let router = by_method.entry(route.method.clone()).or_default();
            router.insert(path, route).with_context(|| format!("route {route_key}"))?;
        }
        Ok(Self(by_method))
    }

    /// The route of a request and its path parameters, decoded.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let found = self.0.get(method.as_str())?.at(path).ok()?;
        let parameters = found.params.iter().map(|(name, value)| (name.to_owned(), percent_decoded(value)));
        Some((found.value, parameters.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> anyhow::Result<RouteTable> {
        RouteTable::new(keys.iter().map(|key| crate::gateway::tests::route(key, true, "f")).collect())
    }

    #[test]
    fn a_request_takes_the_most_exact_route_of_its_method_and_path() {
        let table =
            table(&["GET /pets/{id}", "GET /pets/dog", "GET /pets/{id}/toys/{toy}", "POST /pets"]).unwrap();
        for (method, path, route_key) in [
            ("GET", "/pets/dog", Some("GET /pets/dog")),
            ("GET", "/pets/cat", Some("GET /pets/{id}")),
            ("GET", "/pets/dog/toys/ball", Some("GET /pets/{id}/toys/{toy}")),
            ("POST", "/pets", Some("POST /pets")),
            ("GET", "/pets", None),
            ("HEAD", "/pets/dog", None),
            ("POST", "/pets/", None),
            ("GET", "/pets/", None),
            ("GET", "/PETS/dog", None),
            ("GET", "//pets/dog", None),
            ("GET", "/pets/dog/toys", None),
            ("OPTIONS", "*", None),
        ] {
            let found = table.find(&method.parse().unwrap(), path);
            assert_eq!(found.map(|(route, _)| route.route_key.as_str()), route_key, "{method} {path}");
        }
    }

    #[test]
    fn contradictory_paths_are_refused_by_route() {
        let error = table(&["GET /a/{id}", "GET /a/{name}"]).err().unwrap();
        assert_eq!(error.to_string(), "route GET /a/{name}");
    }
}
