//! Keeps foreign web pages away from the local stack.
//!
//! Every page in the developer's browser can reach a local port. Without CORS headers no page can read a
//! response, but two attacks remain. A page can send a request without reading the response, such as one for
//! coins: its `Origin` shows this. And a page can make its own name resolve to 127.0.0.1 (DNS rebinding), so
//! that the stack becomes part of its site: the `Host` shows this.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde_json::json;
use url::{Host, Url};

/// The relation of the page to the server, set by the browser. Pages cannot set it.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests from pages of other sites. Programs other than browsers, such as the AWS CLI, send
/// neither header and pass.
pub async fn refuse_foreign_pages(request: Request, next: Next) -> Response {
    match is_from_foreign_page(request.headers()) {
        false => next.run(request).await,
        true => refused("This is not for the pages of other sites."),
    }
}

/// Refuses requests to a name that is not of this machine.
pub async fn refuse_foreign_names(request: Request, next: Next) -> Response {
    match is_for_this_machine(request.headers()) {
        true => next.run(request).await,
        false => refused("This is only for the machine that the stack runs on: open it at 127.0.0.1."),
    }
}

fn refused(detail: &str) -> Response {
    (StatusCode::FORBIDDEN, Json(json!({ "detail": detail }))).into_response()
}

fn is_from_foreign_page(headers: &HeaderMap) -> bool {
    let is_foreign = |origin: &str| !is_loopback(origin);
    headers.get(header::ORIGIN).is_some_and(|origin| origin.to_str().map_or(true, is_foreign))
        || headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site")
}

fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| is_loopback(&format!("http://{host}")))
}

fn is_loopback(url: &str) -> bool {
    let url = Url::parse(url).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_names_of_this_machine_are_accepted() {
        for host in ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "127.0.0.1", "potret.localhost"] {
            assert!(is_for_this_machine(&headers(header::HOST, host)), "{host}");
        }
        for host in ["evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.7", ""]
        {
            assert!(!is_for_this_machine(&headers(header::HOST, host)), "{host}");
        }
        assert!(!is_for_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_a_local_page_is_not() {
        for (name, value, is_foreign) in [
            (header::ORIGIN, "https://evil.example", true),
            (header::ORIGIN, "null", true),
            (header::ORIGIN, "http://127.0.0.1.evil.example", true),
            (header::ORIGIN, "file://", true),
            (header::ORIGIN, "http://127.0.0.1:3000", false),
            (header::ORIGIN, "http://localhost:5173", false),
            (FETCH_SITE, "cross-site", true),
            (FETCH_SITE, "same-origin", false),
            (header::ACCEPT, "*/*", false),
        ] {
            assert_eq!(is_from_foreign_page(&headers(name, value)), is_foreign, "{value}");
        }
    }
}
