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

use crate::users;

/// Where the page is.
pub const DOCS_PATH: &str = "/docs";

const PAGE: &str = include_str!("docs.html");

/// The page's placeholder for the token of the demo user.
const TOKEN: &str = "{{token}}";

/// The routes of the page and its files.
///
/// # Errors
///
/// When no token can be signed.
pub fn router() -> anyhow::Result<Router> {
    let page = Html(PAGE.replace(TOKEN, &users::token(users::USER)?));
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
