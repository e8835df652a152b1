//! `/docs`: the API's description as a page where every request can be tried, signed in as the demo user.
//!
//! Swagger UI's files are in the binary, so the page needs nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use utoipa_swagger_ui::Config;

use crate::demo;
use aws_double::tokens;
use sam_template::JwtSpec;

/// Where the page is.
pub const DOCS_PATH: &str = "/docs";

/// The page itself. Its files lie under its own path.
const PAGE: &str = include_str!("docs.html");

/// Stands in the page for the token of the demo user.
const TOKEN: &str = "{{token}}";

/// The routes of the page, which signs in with a token of `jwt`'s issuer.
///
/// # Errors
///
/// When no token can be made.
pub fn router(jwt: &JwtSpec) -> anyhow::Result<Router> {
    let token = tokens::issue(demo::USER, jwt, demo::TOKEN_LIFETIME)?;
    let page = Html(PAGE.replace(TOKEN, &token));
    let file = async |Path(name): Path<String>| file(&name);
    Ok(Router::new().route(DOCS_PATH, get(async || page)).route(&format!("{DOCS_PATH}/{{file}}"), get(file)))
}

/// One of Swagger UI's files.
fn file(name: &str) -> Response {
    match utoipa_swagger_ui::serve(name, Arc::new(Config::default())) {
        Ok(Some(file)) => ([(header::CONTENT_TYPE, file.content_type)], file.bytes).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
