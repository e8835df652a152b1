//! One call of a route: who calls, the headers and parameters, and the body.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Clock, Detail, Problem, Route};
use crate::identity::UserId;

/// Most values of a body. A sensible one has dozens; each takes up to three hundred bytes of memory, however
/// short its text, so that six megabytes of them would be more than a function has.
const MAX_VALUES: usize = 100_000;

/// Who may call an endpoint.
pub trait Caller: Sized + Send {
    /// Tells the caller by what an authorizer has verified.
    fn of(request: &Request) -> Result<Self, Problem>;
}

/// The `sub` claim that an authorizer of API Gateway's has verified.
impl Caller for UserId {
    fn of(request: &Request) -> Result<Self, Problem> {
        verified_subject(request).ok_or_else(|| Problem::new(Detail::SignIn))
    }
}

/// Everybody, with a token or without.
#[derive(Debug, Clone, Copy)]
pub struct Anyone;

impl Caller for Anyone {
    fn of(_: &Request) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// One call of one of an endpoint's routes.
pub struct Call<'r, C> {
    pub caller: C,
    pub clock: Clock,
    request: &'r Request,
    body: Body,
}

impl<'r, C: Caller> Call<'r, C> {
    /// Accepts `request` if it is for one of `routes` and from somebody who may call. API Gateway checks both
    /// before; a direct invocation does not pass API Gateway.
    pub(super) fn of(
        request: &'r Request,
        body: Body,
        routes: &[Route],
        now: Timestamp,
    ) -> Result<Self, Problem> {
        expect_route(request, routes)?;
        Ok(Self { caller: C::of(request)?, clock: Clock::of(request, now), request, body })
    }

    /// A header's value, if the header is there. A value that is not text is a fault of the client's.
    pub fn header(&self, name: &str) -> Result<Option<&'r str>, Problem> {
        let Some(value) = self.request.headers().get(name) else { return Ok(None) };
        let unreadable = |_| Problem::new(Detail::UnreadableHeader).about(name);
        value.to_str().map(Some).map_err(unreadable)
    }

    /// The part of the path that `{name}` stands for.
    pub fn path_parameter(&self, name: &str) -> Option<&'r str> {
        self.request.path_parameters_ref()?.first(name)
    }

    /// The value of `name` in the query string. API Gateway joins several values with commas.
    pub fn query_parameter(&self, name: &str) -> Option<&'r str> {
        self.request.query_string_parameters_ref()?.first(name)
    }

    /// The API's own host name, as API Gateway gives it.
    pub fn host(&self) -> Option<&'r str> {
        let RequestContext::ApiGatewayV2(context) = self.request.request_context_ref()? else { return None };
        context.domain_name.as_deref().filter(|host| !host.is_empty())
    }

    /// The bytes of the body, as they came.
    pub fn bytes(&self) -> &[u8] {
        self.body.as_ref()
    }

    /// Reads the body as a JSON object. The body's text is freed, so a second call finds an empty one.
    pub fn object(&mut self) -> Result<Map<String, Value>, Problem> {
        let media_type =
            self.header(CONTENT_TYPE.as_str())?.map(|text| text.split(';').next().unwrap_or_default());
        if !media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json")) {
            return Err(Problem::new(Detail::JsonExpected));
        }
        let body = std::mem::take(&mut self.body);
        let bytes: &[u8] = body.as_ref();
        if values(bytes) > MAX_VALUES {
            return Err(Problem::new(Detail::TooManyValues));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Problem::new(Detail::NotAnObject)),
            Err(error) => Err(Problem::new(Detail::NotJson).about(error.line().to_string())),
        }
    }
}

fn expect_route(request: &Request, routes: &[Route]) -> Result<(), Problem> {
    let path = request.raw_http_path();
    let mut methods = routes.iter().filter(|route| route.has_path(path)).map(|route| route.method).peekable();
    let Some(allowed) = methods.peek().copied() else { return Err(Problem::new(Detail::NoSuchAddress)) };
    if methods.any(|method| request.method() == method) {
        return Ok(());
    }
    Err(Problem::new(Detail::OtherMethod).about(allowed).header("allow", allowed))
}

fn verified_subject(request: &Request) -> Option<UserId> {
    let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else { return None };
    let authorizer = context.authorizer.as_ref()?;
    // `fields` is what our own authorizer answered.
    let sub = match &authorizer.jwt {
        Some(_) if sub_is_no_text(request) => return None,
        Some(built_in) => built_in.claims.get("sub")?,
        None => authorizer.fields.get("sub")?.as_str()?,
    };
    UserId::parse(sub).ok()
}

/// Whether the `sub` of the request's token is a number or another value that is no text. API Gateway's own authorizer
/// accepts such a token and hands the claim on as text, so only the token, which API Gateway has verified, can tell. The
/// function `authorizer` refuses such a token.
fn sub_is_no_text(request: &Request) -> bool {
    #[derive(Deserialize)]
    struct Claims<'a> {
        #[serde(borrow)]
        sub: &'a RawValue,
    }
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let claims = token.and_then(|token| BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok());
    let claims = claims.as_ref().and_then(|claims| serde_json::from_slice::<Claims<'_>>(claims).ok());
    claims.is_some_and(|claims| !claims.sub.get().starts_with('"'))
}

/// How many values a JSON text has at most: each follows a comma, or opens a list or an object, or comes
/// first there.
fn values(json: &[u8]) -> usize {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_whose_sub_is_a_text_names_a_user() {
        let refused = |authorization: &str| {
            let mut request = Request::new(Body::Empty);
            request.headers_mut().insert(AUTHORIZATION, authorization.parse().expect("a value"));
            sub_is_no_text(&request)
        };
        let token = |claims: &str| format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims));
        for (claims, is_refused) in [
            (r#"{"sub": "u"}"#, false),
            (r#"{"sub": "1"}"#, false),
            (r#"{"sub":1}"#, true),
            (r#"{"aud": "a", "sub": 1234567}"#, true),
            (r#"{"sub": null}"#, true),
            (r#"{"sub": ["u"]}"#, true),
        ] {
            for authorization in [token(claims), format!("Bearer {}", token(claims))] {
                assert_eq!(refused(&authorization), is_refused, "{claims}");
            }
        }
        // A direct invocation may have no token.
        assert!(!refused("Bearer redacted") && !sub_is_no_text(&Request::new(Body::Empty)));
    }

    #[test]
    fn commas_and_brackets_inside_strings_are_not_counted() {
        for (json, count) in [("0", 1), ("[1,2]", 3), (r#"{"a,[{\"": ",[\\"}"#, 2), (r#"[{"a": []}, 1]"#, 5)]
        {
            assert_eq!(values(json.as_bytes()), count, "{json}");
        }
    }

    #[test]
    fn a_body_with_too_many_values_is_refused_before_parsing() {
        let read = |numbers: usize| {
            let text = format!(r#"{{"a": [{}0]}}"#, "0,".repeat(numbers - 1));
            let mut request = Request::new(Body::Empty);
            request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a value"));
            let clock = Clock::of(&request, Timestamp::UNIX_EPOCH);
            let mut call = Call { caller: Anyone, clock, request: &request, body: Body::from(text) };
            call.object().map_err(|problem| problem.code())
        };
        assert!(read(MAX_VALUES - 2).is_ok());
        assert_eq!(read(MAX_VALUES - 1).expect_err("a problem"), crate::api::Code::MalformedRequest);
    }
}
