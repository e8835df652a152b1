//! Reads the fields of a JSON body as fal's models do: lenient about types, strict about ranges.
//!
//! fal's models are pydantic classes, so this follows pydantic 2 in its lax mode: unknown fields are dropped
//! silently, and all violations are reported at once.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::lax::{self, Refusal};

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

/// A JSON object that is read field by field and collects every violation on the way.
pub struct LaxFields<'a> {
    object: &'a Map<String, Value>,
    loc: Vec<Value>,
    known: Vec<&'static str>,
    pub violations: Vec<Violation>,
    /// The paths of the unknown fields of nested objects, such as `loras.0.weight`.
    dropped_below: Vec<String>,
}

impl<'a> LaxFields<'a> {
    /// Starts to read `object`, which sits at `loc` in the request.
    pub fn new(object: &'a Map<String, Value>, loc: Vec<Value>) -> Self {
        Self { object, loc, known: Vec::new(), violations: Vec::new(), dropped_below: Vec::new() }
    }

    /// The value of a field if it is present. Marks the name as known.
    fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name)
    }

    /// The value of a field for which `null` means the same as absent.
    pub fn nullable(&mut self, name: &'static str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// A field that must be present. The violation has the whole object as its input.
    pub fn required(&mut self, name: &'static str) -> Option<&'a Value> {
        let value = self.raw(name);
        if value.is_none() {
            let input = Value::Object(self.object.clone());
            self.refuse(&[json!(name)], Refusal::new("missing", "Field required"), &input);
        }
        value
    }

    /// A whole number within `range`, `default` when it is absent or wrong.
    pub fn integer(&mut self, name: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        self.read(name, default, |value| lax::within(lax::integer(value)?, &range))
    }

    /// A number within `range`, `default` when it is absent or wrong.
    pub fn number(&mut self, name: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        self.read(name, default, |value| lax::within(lax::number(value)?, &range))
    }

    /// True or false, `default` when it is absent or wrong.
    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.read(name, default, lax::flag)
    }

    /// One word of a closed list, `default` when it is absent or wrong.
    pub fn choice<'c>(&mut self, name: &'static str, default: &'c str, allowed: &[&'c str]) -> &'c str {
        self.read(name, default, |value| lax::choice(value, allowed))
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        default: T,
        parse: impl FnOnce(&Value) -> Result<T, Refusal>,
    ) -> T {
        let value = self.raw(name);
        value.and_then(|value| self.accept(&[json!(name)], value, parse(value))).unwrap_or(default)
    }

    /// What `value`, at a path below this object, was read as. A refusal becomes a violation.
    pub fn accept<T>(&mut self, path: &[Value], value: &Value, read: Result<T, Refusal>) -> Option<T> {
        read.map_err(|refusal| self.refuse(path, refusal, value)).ok()
    }

    /// Records a violation at a path below this object.
    pub fn refuse(&mut self, path: &[Value], refusal: Refusal, input: &Value) {
        let loc = [self.loc.as_slice(), path].concat();
        self.violations.push(Violation { loc, refusal, input: input.clone() });
    }

    /// Reads the object `value` at `path` below this one, and adds its violations to these.
    pub fn nested<T>(
        &mut self,
        path: &[Value],
        value: &Value,
        read: impl FnOnce(&mut LaxFields<'_>) -> T,
    ) -> Option<T> {
        let object = self.accept(path, value, lax::object(value))?;
        let mut below = LaxFields::new(object, [self.loc.as_slice(), path].concat());
        let result = read(&mut below);
        let names: Vec<String> = path.iter().map(without_quotes).collect();
        self.dropped_below.extend(below.dropped().iter().map(|name| format!("{}.{name}", names.join("."))));
        self.violations.append(&mut below.violations);
        Some(result)
    }

    /// The names that were never read, sorted: fal drops them silently.
    pub fn dropped(&self) -> Vec<String> {
        let unknown = self.object.keys().filter(|name| !self.known.contains(&name.as_str()));
        let mut dropped: Vec<String> = unknown.chain(&self.dropped_below).cloned().collect();
        dropped.sort();
        dropped
    }
}

fn without_quotes(step: &Value) -> String {
    step.as_str().map_or_else(|| step.to_string(), str::to_owned)
}
