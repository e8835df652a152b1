//! `GET /api/openapi.json`: the description of this API.

use std::time::Duration;

use common::api::{self, Anyone, Call, Endpoint, Problem, Response, Route};
use common::function::Stateless;

/// `openapi.yaml` as JSON.
pub const DESCRIPTION: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// How long caches may keep it. It changes with a deployment only.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// The function. It has no state.
#[derive(Debug, Default)]
pub struct ApiDescription;

impl Stateless for ApiDescription {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
}

impl Endpoint for ApiDescription {
    type Caller = Anyone;
    const ROUTES: &'static [Route] = &[Route::get("/api/openapi.json")];

    async fn respond(&self, call: Call<'_, Anyone>) -> Result<Response, Problem> {
        api::public_json(&call, DESCRIPTION.to_owned(), MAX_AGE)
    }
}
