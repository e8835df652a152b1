//! `/docs`: the API's description as a page where every request can be tried, signed in as the demo user.
//!
//! Swagger UI's files are in the binary, so the page works without a network.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use utoipa_swagger_ui::Config;

/// Where the page is.
pub const DOCS_PATH: &str = "/docs";

const PAGE: &str = include_str!("docs.html");
const SCRIPT: &str = include_str!("docs.js");

/// The page may load its own files and call this stack. Swagger UI's style sheet contains its icons.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the page and its files.
pub fn router() -> Router {
    let page = async || ([(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)], Html(PAGE));
    let script = async || ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT);
    let file = async |Path(name): Path<String>| file(&name);
    Router::new()
        .route(DOCS_PATH, get(page))
        .route(&format!("{DOCS_PATH}/docs.js"), get(script))
        .route(&format!("{DOCS_PATH}/{{file}}"), get(file))
}

/// One of Swagger UI's files.
fn file(name: &str) -> Response {
    match utoipa_swagger_ui::serve(name, Arc::new(Config::default())) {
        Ok(Some(file)) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
