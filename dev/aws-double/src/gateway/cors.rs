//! Cross-origin rules: the gateway answers preflights itself and sets the headers of every other response.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use anyhow::Context;
use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sam_template::CorsSpec;

use crate::guard;

/// Begins the name of every header that only the gateway may set.
const PREFIX: &str = "access-control-";

/// The allowed origins, and the headers that they get besides their own name.
pub(super) struct Cors {
    allow_origins: Vec<String>,
    on_preflights: HeaderMap,
    on_responses: HeaderMap,
}

impl Cors {
    pub(super) fn new(cors: &CorsSpec) -> anyhow::Result<Self> {
        let mut on_preflights = headers(&[
            (ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers),
        ])?;
        on_preflights.extend(cors.max_age.map(|seconds| (ACCESS_CONTROL_MAX_AGE, seconds.into())));
        let on_responses = headers(&[(ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers)])?;
        Ok(Self { allow_origins: cors.allow_origins.clone(), on_preflights, on_responses })
    }

    /// The response, if the request is a preflight. A preflight needs neither a route nor a token.
    pub(super) fn preflight(&self, request: &Parts) -> Option<Response> {
        let origin = request.headers.get(ORIGIN)?;
        if request.method != Method::OPTIONS || !request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        self.allow(origin, &self.on_preflights, response.headers_mut());
        Some(response)
    }

    /// Replaces the function's CORS headers by the gateway's.
    pub(super) fn replace(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let names: Vec<_> =
            headers.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
        if let Some(origin) = origin {
            self.allow(origin, &self.on_responses, headers);
        }
    }

    fn allow(&self, origin: &HeaderValue, extra: &HeaderMap, headers: &mut HeaderMap) {
        let named = if self.allow_origins.iter().any(|allowed| allowed == "*") {
            HeaderValue::from_static("*")
        } else if origin.to_str().is_ok_and(|origin| guard::allows(&self.allow_origins, origin)) {
            origin.clone()
        } else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, named);
        headers.extend(extra.clone());
    }
}

/// The lists that are not empty, as headers.
fn headers(lists: &[(HeaderName, &Vec<String>)]) -> anyhow::Result<HeaderMap> {
    let lists = lists.iter().filter(|(_, values)| !values.is_empty());
    let header = |(name, values): &(HeaderName, &Vec<String>)| {
        let value = HeaderValue::from_str(&values.join(","));
        Ok((name.clone(), value.with_context(|| format!("{name} cannot be {values:?}"))?))
    };
    lists.map(header).collect()
}

#[cfg(test)]
mod tests {
    use sam_template::LOOPBACK;

    use super::*;

    #[test]
    fn an_allowed_origin_is_repeated_unless_all_are_allowed() {
        let shop = "https://shop.example";
        for (allowed, named) in [
            (&["https://other.example", shop][..], Some(shop)),
            (&["*"], Some("*")),
            (&["https://shop.example.evil"], None),
            (&[LOOPBACK], None),
            (&[], None),
        ] {
            let allow_origins = allowed.iter().map(|origin| (*origin).to_owned()).collect();
            let cors = Cors::new(&CorsSpec { allow_origins, ..CorsSpec::default() }).unwrap();
            let mut headers = HeaderMap::new();
            cors.replace(Some(&HeaderValue::from_static(shop)), &mut headers);
            let origin = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap());
            assert_eq!(origin, named, "{allowed:?}");
        }
    }

    #[test]
    fn by_the_local_word_every_page_of_this_machine_is_allowed() {
        let cors = CorsSpec { allow_origins: vec![LOOPBACK.to_owned()], ..CorsSpec::default() };
        for origin in ["http://localhost:5173", "http://127.0.0.1:8080"] {
            let mut headers = HeaderMap::new();
            Cors::new(&cors).unwrap().replace(Some(&HeaderValue::from_static(origin)), &mut headers);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        }
    }

    #[test]
    fn a_list_that_no_header_can_carry_is_refused() {
        let cors = CorsSpec { allow_headers: vec!["x-\n".into()], ..CorsSpec::default() };
        assert!(Cors::new(&cors).is_err());
    }
}
