//! The playground: one page at `/` on which a person tries everything that the API does, without a network.
//!
//! The page is plain HTML, CSS and ES modules, compiled in. It calls the API as any front end would. From the
//! local stack it also gets a token for any user, and the path that controls the fal double. It is not in
//! `template.yaml`, so it is never deployed.

mod session;

use std::sync::Arc;

use aws_double::tokens::SigningKey;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use url::Url;

use crate::settings::Fal;

const FILES_PATH: &str = "/_local/playground/{name}";

/// Where the page gets its token and the facts about the stack.
pub const SESSION_PATH: &str = "/_local/session";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const PAGE: &str = include_str!("page/index.html");

/// A list of the page's files: name, content type, text.
macro_rules! files {
    ($($name:literal $content_type:ident,)+) => {
        const FILES: &[(&str, &str, &str)] =
            &[$(($name, $content_type, include_str!(concat!("page/", $name))),)+];
    };
}

files! {
    "icon.svg" SVG,
    "layout.css" CSS,
    "parts.css" CSS,
    "api.js" JAVASCRIPT,
    "batch_card.js" JAVASCRIPT,
    "batches.js" JAVASCRIPT,
    "coins.js" JAVASCRIPT,
    "copies.js" JAVASCRIPT,
    "debug.js" JAVASCRIPT,
    "elements.js" JAVASCRIPT,
    "faults.js" JAVASCRIPT,
    "follow.js" JAVASCRIPT,
    "generation.js" JAVASCRIPT,
    "history.js" JAVASCRIPT,
    "main.js" JAVASCRIPT,
    "options.js" JAVASCRIPT,
    "photos.js" JAVASCRIPT,
    "photo_plan.js" JAVASCRIPT,
    "problem.js" JAVASCRIPT,
    "prompt.js" JAVASCRIPT,
    "result.js" JAVASCRIPT,
    "texts.js" JAVASCRIPT,
}

/// What the playground needs to know about the stack.
pub struct Settings {
    pub url: Url,
    /// Signs the tokens of the page's users.
    pub key: SigningKey,
    /// Where photos are uploaded.
    pub s3: Url,
    pub fal: Fal,
    pub batch: generate_image::BatchConfig,
}

/// The page, its files and its session, without a fallback.
///
/// # Errors
///
/// When the address of S3 is not valid in a header.
pub fn router(settings: Settings) -> anyhow::Result<Router> {
    let policy = HeaderValue::try_from(content_security_policy(&settings))?;
    let page = get(async move || {
        let mut page = file(HTML, PAGE);
        page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        page
    });
    Ok(Router::new()
        .route(SESSION_PATH, get(session::session))
        .route("/", page)
        .route(FILES_PATH, get(serve))
        .with_state(Arc::new(settings)))
}

async fn serve(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, text)) => file(content_type, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Browsers never cache a file: after a rebuild, half an old page would be worse than a few milliseconds.
fn file(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}

/// The page may load its own files, call this stack and upload photos to the bucket. Another fal than the
/// double may keep its pictures anywhere.
fn content_security_policy(settings: &Settings) -> String {
    let pictures = if settings.fal == Fal::Double { "" } else { " http: https:" };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:{pictures}; \
         connect-src 'self' {s3}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        s3 = settings.s3.origin().ascii_serialization()
    )
}
