//! Single JSON values read as pydantic reads them in its lax mode: `"7"` and `7.0` are the integer 7.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Why a value is refused, in pydantic's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The stable name of the broken rule, such as `missing` or `less_than_equal`.
    pub kind: &'static str,
    /// A sentence for people. fal asks clients not to rely on it.
    pub msg: String,
    /// The limit that was broken, for the kinds that have one.
    pub ctx: Option<Value>,
}

impl Refusal {
    pub fn new(kind: &'static str, msg: impl Into<String>) -> Self {
        Self { kind, msg: msg.into(), ctx: None }
    }

    pub fn with_ctx(self, ctx: Value) -> Self {
        Self { ctx: Some(ctx), ..self }
    }

    /// A word that is not in a list of allowed words.
    pub fn not_one_of(kind: &'static str, allowed: &[&str]) -> Self {
        let quoted: Vec<String> = allowed.iter().map(|word| format!("'{word}'")).collect();
        let expected = match quoted.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => quoted.concat(),
        };
        Self::new(kind, format!("Input should be {expected}")).with_ctx(json!({ "expected": expected }))
    }
}

pub fn integer(value: &Value) -> Result<i64, Refusal> {
    const UNPARSABLE: &str = "Input should be a valid integer, unable to parse string as an integer";
    const FRACTIONAL: &str = "Input should be a valid integer, got a number with a fractional part";
    match value {
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::String(text) => text.trim().parse().map_err(|_| Refusal::new("int_parsing", UNPARSABLE)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(whole),
            // A number above i64's range is above every limit here, and stays so.
            (None, Some(float)) if float.fract() == 0.0 => Ok(float as i64),
            _ => Err(Refusal::new("int_from_float", FRACTIONAL)),
        },
        _ => Err(Refusal::new("int_type", "Input should be a valid integer")),
    }
}

pub fn number(value: &Value) -> Result<f64, Refusal> {
    const UNPARSABLE: &str = "Input should be a valid number, unable to parse string as a number";
    match value {
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(Refusal::new("finite_number", "Input should be a finite number")),
            Err(_) => Err(Refusal::new("float_parsing", UNPARSABLE)),
        },
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::MAX)),
        _ => Err(Refusal::new("float_type", "Input should be a valid number")),
    }
}

/// The number itself if it lies within the range.
pub fn within<N: PartialOrd + Serialize + Display>(
    number: N,
    range: &RangeInclusive<N>,
) -> Result<Value, Refusal> {
    let (least, most) = (range.start(), range.end());
    if number < *least {
        let msg = format!("Input should be greater than or equal to {least}");
        Err(Refusal::new("greater_than_equal", msg).with_ctx(json!({ "ge": least })))
    } else if number > *most {
        let msg = format!("Input should be less than or equal to {most}");
        Err(Refusal::new("less_than_equal", msg).with_ctx(json!({ "le": most })))
    } else {
        Ok(json!(number))
    }
}

/// True or false; 0, 1 and the usual words too.
pub fn flag(value: &Value) -> Result<bool, Refusal> {
    let word = match value {
        Value::Bool(flag) => return Ok(*flag),
        Value::Number(number) => number.to_string(),
        Value::String(word) => word.to_lowercase(),
        _ => return Err(Refusal::new("bool_type", "Input should be a valid boolean")),
    };
    match word.as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(Refusal::new("bool_parsing", "Input should be a valid boolean, unable to interpret input")),
    }
}

/// One word of a closed list.
pub fn choice<'c>(value: &Value, allowed: &[&'c str]) -> Result<&'c str, Refusal> {
    let found = allowed.iter().find(|word| value.as_str() == Some(word));
    found.copied().ok_or_else(|| Refusal::not_one_of("literal_error", allowed))
}

pub fn text(value: &Value) -> Result<&str, Refusal> {
    value.as_str().ok_or_else(|| Refusal::new("string_type", "Input should be a valid string"))
}

pub fn object(value: &Value) -> Result<&Map<String, Value>, Refusal> {
    const MSG: &str = "Input should be a valid dictionary or object to extract fields from";
    value.as_object().ok_or_else(|| Refusal::new("model_attributes_type", MSG))
}

/// A list with so many items.
pub fn list<'v>(value: &'v Value, length: &RangeInclusive<usize>) -> Result<&'v [Value], Refusal> {
    let items = value.as_array().ok_or_else(|| Refusal::new("list_type", "Input should be a valid list"))?;
    let actual = items.len();
    let (kind, bound, limit, noun) = match (length.start(), length.end()) {
        (least, _) if actual < *least => ("too_short", "min_length", least, "at least"),
        (_, most) if actual > *most => ("too_long", "max_length", most, "at most"),
        _ => return Ok(items),
    };
    let plural = if *limit == 1 { "" } else { "s" };
    let msg = format!("List should have {noun} {limit} item{plural} after validation, not {actual}");
    let ctx = json!({ "actual_length": actual, "field_type": "List", (bound): limit });
    Err(Refusal::new(kind, msg).with_ctx(ctx))
}

/// fal demands `https` and a public host. This double allows plain `http` and loopback, because the photos of
/// the local stack are on this machine.
pub fn photo_url(value: &Value) -> Result<&str, Refusal> {
    /// fal's URL type ends here. Presigned URLs made under a role's session token come close to it.
    const LONGEST_URL: usize = 2048;
    const SCHEMES: &str = "'http', 'https' or 'data'";
    let address = text(value)?;
    if address.starts_with("data:") {
        return Ok(address);
    }
    if address.chars().count() > LONGEST_URL {
        let msg = format!("URL should have at most {LONGEST_URL} characters");
        return Err(Refusal::new("url_too_long", msg).with_ctx(json!({ "max_length": LONGEST_URL })));
    }
    match url::Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(address),
        _ => {
            let refusal = Refusal::new("url_scheme", format!("URL scheme should be {SCHEMES}"));
            Err(refusal.with_ctx(json!({ "expected_schemes": SCHEMES })))
        }
    }
}
