//! A function behind the HTTP API: its routes, who may call it, and how it responds.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::{ACCEPT_LANGUAGE, X_CONTENT_TYPE_OPTIONS};
use lambda_http::lambda_runtime::{self, service_fn};
use lambda_http::{Error, Request, RequestExt};
use tokio::time::timeout_at;

use super::call::{Call, Caller};
use super::event;
use super::{Detail, Language, Problem, Response};
use crate::function::{self, Function};
use crate::invocation;

/// A function that API Gateway calls.
pub trait Endpoint: Function {
    /// Who may call it: [`UserId`](crate::identity::UserId) for users with a token, [`Anyone`](super::Anyone)
    /// for an open route.
    type Caller: Caller;

    /// The routes, as `template.yaml` has them.
    const ROUTES: &'static [Route];

    /// Responds to one call of one of the routes.
    fn respond(&self, call: Call<'_, Self::Caller>)
    -> impl Future<Output = Result<Response, Problem>> + Send;
}

/// A method and a path, in which a `{parameter}` stands for any one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
}

impl Route {
    pub const fn get(path: &'static str) -> Self {
        Self { method: "GET", path }
    }

    pub const fn post(path: &'static str) -> Self {
        Self { method: "POST", path }
    }

    /// Whether `path` is an address of this route, whatever the method.
    pub(super) fn has_path(&self, path: &str) -> bool {
        let is_parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
        let [asked, own] = [path, self.path].map(|path| path.trim_end_matches('/').split('/'));
        asked.clone().count() == own.clone().count()
            && asked.zip(own).all(|(asked, own)| asked == own || is_parameter(own))
    }
}

/// Serves the endpoint's HTTP events until the process ends.
///
/// # Errors
///
/// When the function cannot start, or Lambda's Runtime API cannot be reached.
pub async fn run<E: Endpoint>() -> Result<(), Error> {
    let endpoint = &function::start::<E>().await?;
    let handler = |request| handle(endpoint, request, Timestamp::now());
    lambda_runtime::run(service_fn(|event| event::serve(event, handler))).await
}

/// Kept back from the function's time for the response: of a short time, a fortieth. What is under way then is given
/// up as by a function that dies, which every state of the tables survives.
const RESPONSE_MARGIN: Duration = Duration::from_millis(250);

/// The response to one request, which arrived at `now`. There always is one, and in time: a problem in the caller's
/// language, and a 500 after a panic.
pub async fn handle<E: Endpoint>(endpoint: &E, mut request: Request, now: Timestamp) -> Response {
    // Taken out here, so that megabytes can be freed as soon as they are read.
    let body = std::mem::take(request.body_mut());
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = accepted.map(Language::preferred).unwrap_or_default();
    let respond = async {
        let call = Call::of(&request, body, E::ROUTES, now)?;
        let until = call.clock.before_deadline(RESPONSE_MARGIN, 40);
        let responded = timeout_at(until, endpoint.respond(call).boxed()).await;
        responded.unwrap_or_else(|_| Err(Problem::new(Detail::TimeIsUp)))
    };
    let handled = async {
        let outcome = AssertUnwindSafe(respond).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Err(Problem::internal("the handler panicked")));
        let mut response = outcome.unwrap_or_else(|problem| problem.into_response(language));
        // Browsers take a response for what its type says, whatever a caller had it repeat.
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    };
    invocation::observed(request.lambda_context_ref(), handled).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_stands_for_one_segment() {
        let route = Route::get("/api/generations/{generation_id}");
        assert!(route.has_path("/api/generations/1") && route.has_path("/api/generations/1/"));
        for path in ["/api/generations", "/api/generations/1/2", "/api/uploads/1", ""] {
            assert!(!route.has_path(path), "{path}");
        }
        assert!(Route::post("/").has_path("/"));
    }
}
