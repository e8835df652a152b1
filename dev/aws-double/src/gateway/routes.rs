//! The route table: which route a request takes, by API Gateway's order of preference.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::collections::BTreeMap;

use http::Method;

use super::SettingsError;
use sam_template::Route;

/// The key of the route that takes what no other route does.
const DEFAULT_ROUTE_KEY: &str = "$default";

/// The method of a route that takes every method.
const ANY_METHOD: &str = "ANY";

/// One segment of a route's path, the more exact the less.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Exact(String),
    Parameter(String),
    /// Everything that is left, one segment at least.
    Greedy(String),
}

/// Every route, the one that is preferred first.
pub(super) struct RouteTable(Vec<(Vec<Segment>, Route)>);

impl RouteTable {
    /// Sorts the routes, once, so that the first one that matches is the right one: a full match before a
    /// greedy one, exact segments before parameters, a named method before `ANY`, `$default` last.
    pub(super) fn new(routes: Vec<Route>) -> Result<Self, SettingsError> {
        let parsed = routes.into_iter().map(|route| Ok((segments(&route)?, route)));
        let mut routes = parsed.collect::<Result<Vec<_>, SettingsError>>()?;
        routes.sort_by(|(segments, route), (other_segments, other)| {
            let rank = |route: &Route, segments: &[Segment]| {
                (route.route_key == DEFAULT_ROUTE_KEY, matches!(segments.last(), Some(Segment::Greedy(_))))
            };
            let order = rank(route, segments).cmp(&rank(other, other_segments));
            order
                .then_with(|| segments.cmp(other_segments))
                .then_with(|| (route.method == ANY_METHOD).cmp(&(other.method == ANY_METHOD)))
        });
        Ok(Self(routes))
    }

    /// The route of a request, with its path parameters decoded.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let path: Vec<String> = path.split('/').skip(1).map(percent_decoded).collect();
        self.0.iter().find_map(|(segments, route)| {
            if route.route_key == DEFAULT_ROUTE_KEY {
                return Some((route, BTreeMap::new()));
            }
            let method_matches = route.method == ANY_METHOD || route.method == method.as_str();
            let parameters = method_matches.then(|| path_parameters(segments, &path)).flatten()?;
            Some((route, parameters))
        })
    }
}

fn segments(route: &Route) -> Result<Vec<Segment>, SettingsError> {
    let refused = |reason| SettingsError::Route { route_key: route.route_key.clone(), reason };
    if route.route_key == DEFAULT_ROUTE_KEY {
        return Ok(Vec::new());
    }
    let path = route.path.strip_prefix('/').ok_or_else(|| refused("the path does not start with /"))?;
    let segments: Vec<Segment> = path.split('/').map(segment).collect();
    for (position, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Exact(text) if text.contains(['{', '}']) => {
                return Err(refused("braces must stand around a whole segment"));
            }
            Segment::Greedy(_) if position + 1 < segments.len() => {
                return Err(refused("a greedy parameter must be the last segment"));
            }
            Segment::Parameter(name) | Segment::Greedy(name) if name.is_empty() => {
                return Err(refused("a parameter has no name"));
            }
            _ => {}
        }
    }
    Ok(segments)
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        None => Segment::Exact(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            None => Segment::Parameter(name.to_owned()),
            Some(name) => Segment::Greedy(name.to_owned()),
        },
    }
}

/// The parameters of a path that matches; `None` when it does not.
fn path_parameters(segments: &[Segment], path: &[String]) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    for (position, segment) in segments.iter().enumerate() {
        let (name, value) = match segment {
            Segment::Exact(text) if path.get(position) == Some(text) => continue,
            Segment::Exact(_) => return None,
            Segment::Parameter(name) => (name, path.get(position)?.clone()),
            Segment::Greedy(name) => (name, path.get(position..)?.join("/")),
        };
        if value.is_empty() {
            return None;
        }
        parameters.insert(name.clone(), value);
    }
    let is_greedy = matches!(segments.last(), Some(Segment::Greedy(_)));
    (is_greedy || segments.len() == path.len()).then_some(parameters)
}

/// Decodes `%20` and the like. What is not UTF-8 afterwards is replaced, as the events are JSON.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded = match after {
            [high, low, ..] if *first == b'%' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        bytes.push(decoded.map_or(*first, |(high, low)| high << 4 | low));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> RouteTable {
        RouteTable::new(keys.iter().map(|key| route(key)).collect()).unwrap()
    }

    fn route(key: &str) -> Route {
        let (method, path) = key.split_once(' ').unwrap_or(("ANY", "/$default"));
        Route {
            method: method.into(),
            path: path.into(),
            route_key: key.into(),
            function: "f".into(),
            public: false,
        }
    }

    fn found(table: &RouteTable, method: &str, path: &str) -> Option<String> {
        table.find(&method.parse().unwrap(), path).map(|(route, _)| route.route_key.clone())
    }

    #[test]
    fn preference_is_that_of_the_documentation() {
        let table = table(&[
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
            "ANY /pets/dog/1",
        ]);
        for (method, path, key) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("PUT", "/pets/dog/1", "ANY /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
            ("POST", "/test/5", "ANY /{proxy+}"),
            ("GET", "/", "$default"),
        ] {
            assert_eq!(found(&table, method, path).as_deref(), Some(key), "{method} {path}");
        }
    }

    #[test]
    fn full_match_wins_over_a_greedy_one_with_a_more_exact_start() {
        let table = table(&["GET /x/{proxy+}", "GET /{a}/b"]);
        assert_eq!(found(&table, "GET", "/x/b").as_deref(), Some("GET /{a}/b"));
    }

    #[test]
    fn other_method_and_other_path_match_nothing() {
        let table = table(&["GET /api/coins", "GET /api/photos/{id}", "GET /files/{proxy+}"]);
        for (method, path) in [
            ("POST", "/api/coins"),
            ("HEAD", "/api/coins"),
            ("GET", "/api/coins/"),
            ("GET", "/API/coins"),
            ("GET", "/api//coins"),
            ("GET", "/api/photos/"),
            ("GET", "/api/photos/1/2"),
            ("GET", "/files"),
            ("GET", "/files/"),
            ("OPTIONS", "*"),
        ] {
            assert_eq!(found(&table, method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn path_parameters_are_decoded() {
        let table = table(&["GET /a/{id}/b/{rest+}"]);
        let (_, parameters) = table.find(&Method::GET, "/a/x%20y%2fz/b/1/%E2%82%AC/%zz").unwrap();
        assert_eq!(parameters["id"], "x y/z");
        assert_eq!(parameters["rest"], "1/€/%zz");
    }

    #[test]
    fn impossible_paths_are_refused() {
        for key in ["GET api", "GET /a{id}", "GET /{proxy+}/b", "GET /{}", "GET /{+}"] {
            assert!(RouteTable::new(vec![route(key)]).is_err(), "{key}");
        }
    }
}
