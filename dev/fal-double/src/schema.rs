//! A model's schema as data, and how fal reads a body by it.
//!
//! fal's models are pydantic classes, so this follows pydantic 2 in its lax mode: lenient about types and
//! strict about ranges; unknown fields are dropped silently, and all violations are reported at once.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::lax::{self, Refusal};
use super::sizes;

/// What a value may be.
pub enum Kind {
    Text,
    /// An `http(s)` URL, or a `data:` URI.
    PhotoUrl,
    Integer(RangeInclusive<i64>),
    Number(RangeInclusive<f64>),
    Seed,
    Flag,
    /// One word of a closed list.
    Choice(&'static [&'static str]),
    /// The name of a size, or `{"width", "height"}` with both sides in the range, in pixels.
    Size(RangeInclusive<i64>),
    /// So many items.
    List(RangeInclusive<usize>, Box<Kind>),
    Object(Vec<Field>),
}

impl Kind {
    pub fn list(length: RangeInclusive<usize>, items: Self) -> Self {
        Self::List(length, Box::new(items))
    }
}

pub struct Field {
    name: &'static str,
    kind: Kind,
    absent: Absent,
}

/// What an absent field means.
enum Absent {
    Refused,
    /// `null` means the same as absent.
    Null,
    Default(Value),
}

impl Field {
    pub fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, absent: Absent::Refused }
    }

    pub fn nullable(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, absent: Absent::Null }
    }

    pub fn default(name: &'static str, kind: Kind, default: impl Into<Value>) -> Self {
        Self { name, kind, absent: Absent::Default(default.into()) }
    }
}

/// One entry of a `detail` list: which field breaks which rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The path of the field, starting with `"body"`; list positions are numbers.
    pub loc: Vec<Value>,
    pub refusal: Refusal,
    /// The value as it was sent. It may be a whole prompt or a data URI.
    pub input: Value,
}

impl Violation {
    /// The entry as fal writes it, with the `url` of the rule's documentation.
    pub fn to_json(&self) -> Value {
        let Refusal { kind, msg, ctx } = &self.refusal;
        let mut entry = json!({
            "loc": self.loc,
            "msg": msg,
            "type": kind,
            "url": format!("https://docs.fal.ai/errors#{kind}"),
            "input": self.input,
        });
        if let Some(ctx) = ctx {
            entry["ctx"] = ctx.clone();
        }
        entry
    }
}

/// What was found while a body was read.
#[derive(Default)]
pub struct Reading {
    pub violations: Vec<Violation>,
    /// The paths of the fields that no schema knows, such as `loras.0.weight`.
    pub dropped: Vec<String>,
}

impl Reading {
    /// The known fields of an object at `loc`, with every default applied.
    pub fn object(&mut self, fields: &[Field], value: &Value, loc: &[Value]) -> Value {
        let object = match lax::object(value) {
            Ok(object) => object,
            Err(refusal) => return self.refuse(loc, refusal, value),
        };
        let unknown = object.keys().filter(|name| fields.iter().all(|field| field.name != name.as_str()));
        self.dropped.extend(unknown.map(|name| path(&below(loc, json!(name)))));
        let mut read = Map::new();
        for field in fields {
            let loc = below(loc, json!(field.name));
            let found = match (&field.absent, object.get(field.name)) {
                (Absent::Refused, None) => {
                    self.refuse(&loc, Refusal::new("missing", "Field required"), value)
                }
                (Absent::Null, None | Some(Value::Null)) => Value::Null,
                (Absent::Default(default), None) => default.clone(),
                (_, Some(value)) => self.value(&field.kind, value, &loc),
            };
            if !found.is_null() {
                read.insert(field.name.to_owned(), found);
            }
        }
        Value::Object(read)
    }

    /// A value as its kind has it; null when it is refused.
    fn value(&mut self, kind: &Kind, value: &Value, loc: &[Value]) -> Value {
        let read = match kind {
            Kind::Text => lax::text(value).map(Value::from),
            Kind::PhotoUrl => lax::photo_url(value).map(Value::from),
            Kind::Integer(range) => lax::integer(value).and_then(|number| lax::within(number, range)),
            Kind::Number(range) => lax::number(value).and_then(|number| lax::within(number, range)),
            // Seeds pass 2^63, so the unsigned reading comes first; a negative one wraps, as good as any other.
            Kind::Seed => value
                .as_u64()
                .map_or_else(|| lax::integer(value).map(|seed| seed as u64), Ok)
                .map(Value::from),
            Kind::Flag => lax::flag(value).map(Value::from),
            Kind::Choice(allowed) => lax::choice(value, allowed).map(Value::from),
            Kind::Size(sides) => match value.as_str() {
                Some(name) => sizes::named(name).map(|size| json!(size)),
                None => return self.object(&sizes::custom(sides), value, loc),
            },
            Kind::List(length, kind) => match lax::list(value, length) {
                Ok(items) => {
                    let items = items.iter().enumerate();
                    return items
                        .map(|(index, item)| self.value(kind, item, &below(loc, json!(index))))
                        .collect();
                }
                Err(refusal) => Err(refusal),
            },
            Kind::Object(fields) => return self.object(fields, value, loc),
        };
        read.unwrap_or_else(|refusal| self.refuse(loc, refusal, value))
    }

    /// Records a violation, and returns null in place of the value.
    pub fn refuse(&mut self, loc: &[Value], refusal: Refusal, input: &Value) -> Value {
        self.violations.push(Violation { loc: loc.to_vec(), refusal, input: input.clone() });
        Value::Null
    }
}

fn below(loc: &[Value], step: Value) -> Vec<Value> {
    [loc, &[step]].concat()
}

/// A path below the body, with dots.
fn path(loc: &[Value]) -> String {
    let steps = loc.iter().skip(1).map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
    steps.collect::<Vec<_>>().join(".")
}
