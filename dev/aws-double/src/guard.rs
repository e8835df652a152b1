//! Keeps foreign web pages away from the local stack.
//!
//! Every page in the developer's browser can reach a local port, and there are two attacks. A page can send a
//! request, such as one for coins: its `Origin` shows this. And a page can make its own name resolve to
//! 127.0.0.1 (DNS rebinding), so that the stack becomes part of its site: the `Host` shows this.
//!
//! Programs other than browsers, such as curl and the AWS CLI, send no `Origin`, so they pass.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use sam_template::LOOPBACK;
use serde_json::json;
use url::{Host, Url};

/// How browsers describe a request: the relation of the page to the server, the kind of the request, and the
/// use of the response. Pages cannot set these headers.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The requests that a server answers. The default are those of this machine's programs and pages.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    address: Option<IpAddr>,
    name: Option<Host>,
    origins: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("This is only for the machine that the stack runs on: open it at 127.0.0.1.")]
    Name,
    #[error("This is not for the pages of other sites.")]
    Page,
}

impl Guard {
    /// Also answers at `address`, to which the server is bound, and answers the pages from there.
    #[must_use]
    pub fn bound_to(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Also answers under the name in `url`, such as a tunnel's.
    #[must_use]
    pub fn reached_by(mut self, url: &Url) -> Self {
        self.name = url.host().map(|host| host.to_owned());
        self
    }

    /// Also answers the pages of `origins`, as [`allows`] says.
    #[must_use]
    pub fn for_pages_of(mut self, origins: &[String]) -> Self {
        self.origins = origins.to_vec();
        self
    }

    /// `router` behind this guard, with every route and its fallback.
    pub fn over(self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self), admit))
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = requested_host(uri, headers).filter(|host| self.answers_at(host)).ok_or(Refusal::Name)?;
        let from = |name| self.is_from_allowed_page(name, headers, &host);
        let is_allowed = if headers.contains_key(header::ORIGIN) {
            from(header::ORIGIN)
        } else if headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site") {
            // Browsers leave the origin of an image or a link out. Pages can hide the referrer, but not forge it.
            method.is_safe() && (from(header::REFERER) || is_followed_link(headers))
        } else {
            true
        };
        if is_allowed { Ok(()) } else { Err(Refusal::Page) }
    }

    fn answers_at(&self, host: &Host) -> bool {
        is_loopback(host) || self.is_own_address(host) || self.name.as_ref() == Some(host)
    }

    /// On every address, an address in a request is our own: only a name can lead elsewhere than it says.
    fn is_own_address(&self, host: &Host) -> bool {
        let address = match host {
            Host::Domain(_) => return false,
            Host::Ipv4(address) => IpAddr::from(*address),
            Host::Ipv6(address) => IpAddr::from(*address),
        };
        self.address.is_some_and(|own| own.is_unspecified() || own == address)
    }

    fn is_from_allowed_page(&self, name: HeaderName, headers: &HeaderMap, requested: &Host) -> bool {
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let page = value.to_str().ok().and_then(|text| Url::parse(text).ok());
        // The origin of a page without one, such as a file, is the text `null`.
        let origin = page.as_ref().map_or("null".to_owned(), |page| page.origin().ascii_serialization());
        let host = page.as_ref().filter(|page| is_http(page)).and_then(|page| Some(page.host()?.to_owned()));
        let is_own_page = host.is_some_and(|host| host == *requested && self.is_own_address(&host));
        is_own_page || is_loopback_origin(&origin) || allows(&self.origins, &origin)
    }
}

async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(path = request.uri().path(), reason = %refusal, "request refused");
            let body = Json(json!({ "message": refusal.to_string() }));
            (StatusCode::FORBIDDEN, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], body).into_response()
        }
    }
}

/// The host that a request names, unless it names two.
fn requested_host(uri: &Uri, headers: &HeaderMap) -> Option<Host> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host: Authority = host.to_str().ok()?.parse().ok()?;
    // A target may be a whole URL, with a host of its own.
    let is_one = uri.authority().is_none_or(|target| *target == host);
    let has_user = host.as_str().contains('@');
    Host::parse(host.host()).ok().filter(|_| is_one && !has_user)
}

/// A person follows the link and sees the page; the page with the link sees nothing.
fn is_followed_link(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|header: &HeaderValue| header == value);
    is(FETCH_MODE, "navigate") && is(FETCH_DEST, "document")
}

/// Whether a list of allowed origins has `origin`. The list may contain `*` and [`LOOPBACK`].
#[must_use]
pub fn allows(allowed: &[String], origin: &str) -> bool {
    let is_it = |allowed: &String| match allowed.as_str() {
        "*" => true,
        LOOPBACK => is_loopback_origin(origin),
        allowed => allowed == origin,
    };
    allowed.iter().any(is_it)
}

/// Whether `origin` is this machine's, on any port.
#[must_use]
pub fn is_loopback_origin(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| is_loopback_url(&url))
}

/// Whether `url` leads to this machine over HTTP.
#[must_use]
pub fn is_loopback_url(url: &Url) -> bool {
    is_http(url) && url.host().is_some_and(|host| is_loopback(&host.to_owned()))
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (HeaderName, &str) = (header::HOST, "127.0.0.1:3000");
    const EVIL: &str = "https://evil.example";

    fn check(guard: &Guard, headers: &[(HeaderName, &str)]) -> Result<(), Refusal> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, HeaderValue::from_str(value).unwrap());
        }
        guard.check(&Method::GET, &Uri::from_static("/"), &all)
    }

    fn of(guard: &Guard, name: HeaderName, value: &str) -> Result<(), Refusal> {
        check(guard, &[HERE, (name, value)])
    }

    #[test]
    fn only_names_of_this_machine_are_accepted() {
        let guard = Guard::default();
        for host in
            ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "127.0.0.1", "potret.localhost"]
        {
            assert_eq!(check(&guard, &[(header::HOST, host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil.example@127.0.0.1",
            "127.0.0.1@evil.example",
            "127.0.0.1/",
            "127.0.0.1,evil.example",
            "10.0.0.7",
            "0.0.0.0:3000",
            "[::]",
            "",
        ] {
            assert_eq!(check(&guard, &[(header::HOST, host)]), Err(Refusal::Name), "{host}");
        }
        assert_eq!(check(&guard, &[]), Err(Refusal::Name));
        assert_eq!(of(&guard, header::HOST, "evil.example"), Err(Refusal::Name), "a second name");
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("127.0.0.1"))]);
        let target = Uri::from_static("http://evil.example/");
        assert_eq!(guard.check(&Method::GET, &target, &headers), Err(Refusal::Name));
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_a_local_page_is_not() {
        let guard = Guard::default();
        for origin in
            ["http://127.0.0.1:3000", "http://localhost:5173", "https://localhost", "http://[::1]:8080"]
        {
            assert_eq!(of(&guard, header::ORIGIN, origin), Ok(()), "{origin}");
            let other_name = [HERE, (header::ORIGIN, origin), (FETCH_SITE, "cross-site")];
            assert_eq!(check(&guard, &other_name), Ok(()), "localhost is another site than 127.0.0.1");
        }
        for origin in [
            EVIL,
            "null",
            "",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "file://",
            "ftp://127.0.0.1",
            "chrome-extension://127.0.0.1",
            "http://10.0.0.7:3000",
        ] {
            assert_eq!(of(&guard, header::ORIGIN, origin), Err(Refusal::Page), "{origin}");
        }
        let two = [HERE, (header::ORIGIN, "http://localhost"), (header::ORIGIN, EVIL)];
        assert_eq!(check(&guard, &two), Err(Refusal::Page));
    }

    #[test]
    fn without_an_origin_another_sites_page_may_only_link_here() {
        let guard = Guard::default();
        let cross_site = (FETCH_SITE, "cross-site");
        assert_eq!(of(&guard, FETCH_SITE, "same-origin"), Ok(()));
        assert_eq!(of(&guard, FETCH_SITE, "none"), Ok(()), "typed into the address bar");
        assert_eq!(of(&guard, FETCH_SITE, "cross-site"), Err(Refusal::Page));
        let image = |page| check(&guard, &[HERE, cross_site.clone(), (header::REFERER, page)]);
        assert_eq!(image("http://localhost:5173/shop"), Ok(()));
        assert_eq!(image("https://evil.example/127.0.0.1"), Err(Refusal::Page));

        let navigation = |dest| [HERE, cross_site.clone(), (FETCH_MODE, "navigate"), (FETCH_DEST, dest)];
        assert_eq!(check(&guard, &navigation("document")), Ok(()));
        assert_eq!(check(&guard, &navigation("iframe")), Err(Refusal::Page));
        let headers = navigation("document").map(|(name, value)| (name, HeaderValue::from_static(value)));
        let form = guard.check(&Method::POST, &Uri::from_static("/"), &HeaderMap::from_iter(headers));
        assert_eq!(form, Err(Refusal::Page));
    }

    #[test]
    fn a_server_that_is_bound_elsewhere_answers_at_its_own_address_and_its_own_pages() {
        let at = |address: &str, host, origin| {
            let guard = Guard::default().bound_to(address.parse().unwrap());
            check(&guard, &[(header::HOST, host), (header::ORIGIN, origin)])
        };
        let (own, other) = ("http://10.0.0.7:3000", "http://10.0.0.8:3000");
        for address in ["10.0.0.7", "0.0.0.0"] {
            assert_eq!(at(address, "10.0.0.7:3000", own), Ok(()));
            assert_eq!(at(address, "10.0.0.7:3000", "http://localhost"), Ok(()));
            assert_eq!(at(address, "10.0.0.7:3000", other), Err(Refusal::Page));
            assert_eq!(at(address, "127.0.0.1:3000", other), Err(Refusal::Page));
            assert_eq!(at(address, "evil.example:3000", own), Err(Refusal::Name));
        }
        assert_eq!(at("10.0.0.7", "10.0.0.8:3000", other), Err(Refusal::Name));
        assert_eq!(at("127.0.0.1", "10.0.0.7:3000", own), Err(Refusal::Name));
    }

    #[test]
    fn a_tunnels_name_is_answered_and_its_pages_are_not() {
        let guard = Guard::default().reached_by(&Url::parse("https://tunnel.example/hooks").unwrap());
        let host = (header::HOST, "tunnel.example");
        assert_eq!(check(&guard, std::slice::from_ref(&host)), Ok(()));
        assert_eq!(check(&guard, &[host, (header::ORIGIN, "https://tunnel.example")]), Err(Refusal::Page));
        assert_eq!(check(&guard, &[(header::HOST, "www.tunnel.example")]), Err(Refusal::Name));
    }

    #[test]
    fn the_pages_of_allowed_origins_are_answered() {
        let allowing = |origin: &str| Guard::default().for_pages_of(&[origin.to_owned()]);
        let shop = "https://shop.example";
        assert_eq!(of(&allowing(shop), header::ORIGIN, shop), Ok(()));
        assert_eq!(of(&allowing(shop), header::ORIGIN, "http://localhost:5173"), Ok(()));
        let picture = [HERE, (FETCH_SITE, "cross-site"), (header::REFERER, "https://shop.example/cart")];
        assert_eq!(check(&allowing(shop), &picture), Ok(()));
        for origin in [EVIL, "http://shop.example", "https://shop.example:8443", "null"] {
            assert_eq!(of(&allowing(shop), header::ORIGIN, origin), Err(Refusal::Page), "{origin}");
            assert_eq!(of(&allowing("*"), header::ORIGIN, origin), Ok(()), "{origin}");
        }
        assert_eq!(of(&allowing(LOOPBACK), header::ORIGIN, EVIL), Err(Refusal::Page));
    }
}
