//! What a request says of itself: its caller, its headers, its body.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Detail, Problem};
use crate::identity::UserId;

/// The API's functions run at most this long, whatever the context says.
const LONGEST_RUN: Duration = Duration::from_secs(900);

/// Assumed when the context's deadline is not one: an emulator's may lie in 1970.
const USUAL_RUN: Duration = Duration::from_secs(29);

/// Most values of a body. A sensible one has dozens; each takes up to three hundred bytes of memory, however short its
/// text, so that six megabytes of them would be more than a function has.
const MAX_VALUES: usize = 100_000;

/// Who asks, and how long there is to answer.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// When the request arrived.
    pub now: Timestamp,
    /// The same, on the clock that measures how long things take.
    pub arrived: Instant,
    /// How long the function may run from then.
    pub time_left: Duration,
}

impl Caller {
    /// Reads the `sub` claim that an authorizer of API Gateway's has verified, and the invocation's deadline.
    pub fn of(request: &Request, now: Timestamp) -> Result<Self, Problem> {
        let user_id = user_id(request).ok_or_else(|| Problem::new(Detail::SignIn))?;
        Ok(Self { user_id, now, arrived: Instant::now(), time_left: time_left(request, now) })
    }

    /// When the invocation ends.
    pub fn deadline(&self) -> Timestamp {
        self.after(self.time_left)
    }

    /// What time it is by now.
    pub fn time(&self) -> Timestamp {
        self.after(self.arrived.elapsed())
    }

    fn after(&self, duration: Duration) -> Timestamp {
        SignedDuration::try_from(duration).map_or(self.now, |duration| self.now + duration)
    }
}

fn user_id(request: &Request) -> Option<UserId> {
    let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else { return None };
    let authorizer = context.authorizer.as_ref()?;
    // `fields` is what our own authorizer answered.
    let sub = match &authorizer.jwt {
        Some(built_in) => built_in.claims.get("sub")?,
        None => authorizer.fields.get("sub")?.as_str()?,
    };
    UserId::parse(sub).ok()
}

fn time_left(request: &Request, now: Timestamp) -> Duration {
    let deadline_ms = request.lambda_context_ref().map_or(0, |context| context.deadline);
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    match deadline_ms.checked_sub(now_ms) {
        None | Some(0) => USUAL_RUN,
        Some(left) => Duration::from_millis(left).min(LONGEST_RUN),
    }
}

/// A header's value, if it is there. A value that is not text is a fault of the client's.
pub fn header<'r>(request: &'r Request, name: &str) -> Result<Option<&'r str>, Problem> {
    let Some(value) = request.headers().get(name) else { return Ok(None) };
    let unreadable = |_| Problem::new(Detail::UnreadableHeader).about(name);
    value.to_str().map(Some).map_err(unreadable)
}

/// The part of the path that `{name}` stands for.
pub fn path_parameter<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.path_parameters_ref()?.first(name)
}

/// The value of `name` in the query string; of several, API Gateway's one with commas.
pub fn query_parameter<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.query_string_parameters_ref()?.first(name)
}

/// The JSON object in `body`, which was taken out of `request` so that it ends here: it may be megabytes.
pub fn object(request: &Request, body: Body) -> Result<Map<String, Value>, Problem> {
    let media_type =
        header(request, CONTENT_TYPE.as_str())?.map(|text| text.split(';').next().unwrap_or_default().trim());
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(Detail::JsonExpected));
    }
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

/// How many values a JSON text has at most: each follows a comma, or opens a list or an object, or comes first there.
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
    fn what_looks_like_a_value_in_a_text_is_none() {
        for (json, count) in [("0", 1), ("[1,2]", 3), (r#"{"a,[{\"": ",[\\"}"#, 2), (r#"[{"a": []}, 1]"#, 5)]
        {
            assert_eq!(values(json.as_bytes()), count, "{json}");
        }
    }

    #[test]
    fn a_body_of_too_many_values_is_not_even_read() {
        let read = |numbers: usize| {
            let text = format!(r#"{{"a": [{}0]}}"#, "0,".repeat(numbers - 1));
            let request = Request::new(Body::from(text));
            let (mut head, text) = request.into_parts();
            head.headers.insert(CONTENT_TYPE, "application/json".parse().expect("a value"));
            object(&Request::from_parts(head, Body::Empty), text).map_err(|problem| problem.code())
        };
        assert!(read(MAX_VALUES - 2).is_ok());
        assert_eq!(read(MAX_VALUES - 1).expect_err("a problem"), crate::api::Code::MalformedRequest);
    }
}
