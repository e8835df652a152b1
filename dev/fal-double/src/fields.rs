//! Reads the fields of a JSON body as fal's models do: lenient about types, strict about ranges.
//!
//! fal's models are pydantic classes, so this follows pydantic 2 in its lax mode: an unknown field is dropped
//! without a word, and every problem is reported at once.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::lenient;

/// One entry of a `detail` list: what is wrong with which field.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The path of the field, starting with `"body"`; list positions are numbers.
    pub loc: Vec<Value>,
    /// A sentence for people. fal asks clients not to rely on it.
    pub msg: String,
    /// The stable name of the problem, such as `missing` or `less_than_equal`.
    pub kind: &'static str,
    /// The limit that was broken, for the kinds that have one.
    pub ctx: Option<Value>,
    /// The value as it was sent. It may be a whole prompt or a data URI.
    pub input: Value,
}

impl Problem {
    /// The entry as fal writes it, `url` to the documentation of the kind included.
    pub fn to_json(&self) -> Value {
        let mut entry = json!({
            "loc": self.loc,
            "msg": self.msg,
            "type": self.kind,
            "url": format!("https://docs.fal.ai/errors#{}", self.kind),
            "input": self.input,
        });
        if let Some(ctx) = &self.ctx {
            entry["ctx"] = ctx.clone();
        }
        entry
    }
}

/// A JSON object that is being read field by field; it collects every problem on the way.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    loc: Vec<Value>,
    known: Vec<&'static str>,
    /// What was wrong so far.
    pub problems: Vec<Problem>,
    /// The paths of the unknown fields of nested objects, such as `loras.0.weight`.
    dropped_below: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Starts to read `object`, which sits at `loc` in the request.
    pub fn new(object: &'a Map<String, Value>, loc: Vec<Value>) -> Self {
        Self { object, loc, known: Vec::new(), problems: Vec::new(), dropped_below: Vec::new() }
    }

    /// The value of a field, `None` when it is absent. Marks the name as known.
    pub fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name)
    }

    /// The value of a field for which `null` means the same as absent.
    pub fn nullable(&mut self, name: &'static str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// A field that must be there. Reports it as `missing` otherwise, with the whole object as the input.
    pub fn required(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.raw(name);
        if value.is_none() {
            let input = Value::Object(self.object.clone());
            self.problem(name, "missing", "Field required", None, &input);
        }
        value
    }

    /// A whole number within `range`, `default` when it is absent or wrong.
    pub fn integer(&mut self, name: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        let Some(value) = self.raw(name) else {
            return default;
        };
        match lenient::integer(value) {
            Ok(number) if self.in_range(name, value, number, &range) => number,
            Ok(_) => default,
            Err((kind, msg)) => {
                self.problem(name, kind, msg, None, value);
                default
            }
        }
    }

    /// A number within `range`, `default` when it is absent or wrong.
    pub fn number(&mut self, name: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let Some(value) = self.raw(name) else {
            return default;
        };
        match lenient::number(value) {
            Ok(number) if self.in_range(name, value, number, &range) => number,
            Ok(_) => default,
            Err((kind, msg)) => {
                self.problem(name, kind, msg, None, value);
                default
            }
        }
    }

    /// True or false, `default` when it is absent or wrong.
    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        let Some(value) = self.raw(name) else {
            return default;
        };
        lenient::flag(value).unwrap_or_else(|(kind, msg)| {
            self.problem(name, kind, msg, None, value);
            default
        })
    }

    /// One word of a closed list, `default` when it is absent or wrong.
    pub fn choice<'c>(&mut self, name: &'static str, default: &'c str, allowed: &[&'c str]) -> &'c str {
        let Some(value) = self.raw(name) else {
            return default;
        };
        match allowed.iter().find(|word| value.as_str() == Some(word)) {
            Some(word) => word,
            None => {
                let expected = lenient::alternatives(allowed);
                let msg = format!("Input should be {expected}");
                self.problem(name, "literal_error", &msg, Some(json!({ "expected": expected })), value);
                default
            }
        }
    }

    /// Notes a problem with the field `name`.
    pub fn problem(&mut self, name: &str, kind: &'static str, msg: &str, ctx: Option<Value>, input: &Value) {
        self.problem_at(&[json!(name)], kind, msg, ctx, input);
    }

    /// Notes a problem at a path below this object.
    pub fn problem_at(
        &mut self,
        path: &[Value],
        kind: &'static str,
        msg: &str,
        ctx: Option<Value>,
        input: &Value,
    ) {
        let loc = [self.loc.as_slice(), path].concat();
        self.problems.push(Problem { loc, msg: msg.to_owned(), kind, ctx, input: input.clone() });
    }

    /// Reads the object `value` at `path` below this one, and takes over what was wrong with it.
    pub fn nested<T>(
        &mut self,
        path: &[Value],
        value: &Value,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let Value::Object(object) = value else {
            let msg = "Input should be a valid dictionary or object to extract fields from";
            self.problem_at(path, "model_attributes_type", msg, None, value);
            return None;
        };
        let mut below = Fields::new(object, [self.loc.as_slice(), path].concat());
        let result = read(&mut below);
        let names: Vec<String> = path.iter().map(plain).collect();
        self.dropped_below.extend(below.dropped().iter().map(|name| format!("{}.{name}", names.join("."))));
        self.problems.append(&mut below.problems);
        Some(result)
    }

    /// The names that nobody read, sorted: what fal drops without a word.
    pub fn dropped(&self) -> Vec<String> {
        let unknown = self.object.keys().filter(|name| !self.known.contains(&name.as_str()));
        let mut dropped: Vec<String> = unknown.chain(&self.dropped_below).cloned().collect();
        dropped.sort();
        dropped
    }

    fn in_range<N: PartialOrd + serde::Serialize + std::fmt::Display>(
        &mut self,
        name: &'static str,
        value: &Value,
        number: N,
        range: &RangeInclusive<N>,
    ) -> bool {
        if number < *range.start() {
            let msg = format!("Input should be greater than or equal to {}", range.start());
            self.problem(name, "greater_than_equal", &msg, Some(json!({ "ge": range.start() })), value);
        } else if number > *range.end() {
            let msg = format!("Input should be less than or equal to {}", range.end());
            self.problem(name, "less_than_equal", &msg, Some(json!({ "le": range.end() })), value);
        } else {
            return true;
        }
        false
    }
}

fn plain(step: &Value) -> String {
    step.as_str().map_or_else(|| step.to_string(), str::to_owned)
}
