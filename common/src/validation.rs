//! Reading an untrusted JSON object so that every fault in it is reported at once, each with its place.
//!
//! Derived deserialisers stop at the first fault; a merchant's form wants them all.

use serde_json::{Map, Value};

/// Most faults that one response names. A body of a megabyte can have a hundred thousand, and the response
/// would be larger than Lambda allows.
const MAX_FAULTS: usize = 100;

/// Longest part of a client's field name that a message repeats, in characters.
const MAX_NAME_CHARS: usize = 100;

/// What kind of thing is wrong. A request whose faults are all of one kind gets that kind's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A value has the wrong type, is outside its range or list, is missing, or may not be set.
    Invalid,
    /// An image field holds neither a `data:` URL with base64 nor bare base64.
    Malformed,
    /// An image is too large, in bytes or in pixels.
    TooLarge,
    /// An image's bytes are not a PNG, JPEG or WebP picture.
    NotAnImage,
}

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// Where: a JSON Pointer (RFC 6901) into the request body.
    pub pointer: String,
    /// What is wrong, for a person to read.
    pub message: String,
}

/// Everything wrong with one request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a value that is [`FaultKind::Invalid`].
    pub fn invalid(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(FaultKind::Invalid, pointer, message);
    }

    pub fn add(&mut self, kind: FaultKind, pointer: impl Into<String>, message: impl Into<String>) {
        let fault = Fault { kind, pointer: pointer.into(), message: message.into() };
        match self.0.len() {
            0..MAX_FAULTS => self.0.push(fault),
            MAX_FAULTS => self.0.push(Fault {
                pointer: String::new(),
                message: format!("more than {MAX_FAULTS} faults, the others are not named"),
                ..fault
            }),
            _ => {}
        }
    }

    /// `value` if nothing is wrong, all the faults otherwise.
    pub fn or_ok<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// As [`Self::or_ok`], for a reader that has noted a fault where it found no value.
    pub fn or_some<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// The faults, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// The one kind that all faults are of; a mixture counts as [`FaultKind::Invalid`].
    pub fn kind(&self) -> FaultKind {
        match self.0.split_first() {
            Some((first, rest)) if rest.iter().all(|fault| fault.kind == first.kind) => first.kind,
            _ => FaultKind::Invalid,
        }
    }
}

/// A JSON object being read field by field. A field that is read and is `null` counts as absent; a field that
/// no reader asks for is a fault, whatever it holds.
pub struct Fields<'a> {
    object: Map<String, Value>,
    pointer: String,
    faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    /// Reads `object`, which lies at `pointer` (empty for the whole body); faults go to `faults`.
    pub fn new(object: Map<String, Value>, pointer: &str, faults: &'a mut Faults) -> Self {
        Self { object, pointer: pointer.to_owned(), faults }
    }

    /// The JSON Pointer of field `name` of this object.
    pub fn pointer(&self, name: &str) -> String {
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes that field `name` is invalid.
    pub fn invalid(&mut self, name: &str, message: impl Into<String>) {
        let pointer = self.pointer(name);
        self.faults.invalid(pointer, message);
    }

    /// Notes that the required field `name` is missing, unless a fault of the field is noted already.
    pub fn missing(&mut self, name: &str, message: impl Into<String>) {
        let pointer = self.pointer(name);
        if self.faults.iter().all(|fault| fault.pointer != pointer) {
            self.faults.invalid(pointer, message);
        }
    }

    /// Takes field `name` out, if it is there and not `null`.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text of at most `max_chars` characters, trimmed. A blank text counts as absent, because front
    /// ends send empty form fields.
    pub fn text(&mut self, name: &str, max_chars: usize) -> Option<String> {
        let text = match self.take(name)? {
            Value::String(text) => text.trim().to_owned(),
            _ => {
                self.invalid(name, "must be a string");
                return None;
            }
        };
        if text.chars().count() > max_chars {
            self.invalid(name, format!("must have at most {max_chars} characters"));
            return None;
        }
        if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
            self.invalid(name, "must not contain control characters");
            return None;
        }
        (!text.is_empty()).then_some(text)
    }

    /// Takes a list, empty when the field is absent.
    pub fn list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(_) => {
                self.invalid(name, "must be a list");
                Vec::new()
            }
        }
    }

    /// Takes an object, `None` when the field is absent or holds something else.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(object) => Some(object),
            _ => {
                self.invalid(name, "must be an object");
                None
            }
        }
    }

    /// The list that this object's faults go to, for the readers of its parts.
    pub fn faults(&mut self) -> &mut Faults {
        self.faults
    }

    /// Ends the reading: every field that was not taken is a fault, worded by `why`.
    pub fn refuse_rest(mut self, why: impl Fn(&str) -> String) {
        for name in std::mem::take(&mut self.object).keys() {
            self.invalid(name, why(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("a test object").clone()
    }

    #[test]
    fn every_fault_is_reported_with_its_place() {
        let mut faults = Faults::default();
        let body = object(json!({"a": 1, "b": "toolong", "c": "x\u{0}", "d/e": 1, "list": {}}));
        let mut fields = Fields::new(body, "/options", &mut faults);
        assert_eq!((fields.text("a", 5), fields.text("b", 5), fields.text("c", 5)), (None, None, None));
        assert!(fields.list("list").is_empty());
        fields.refuse_rest(|_| "is unknown".into());
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/options/a", "/options/b", "/options/c", "/options/list", "/options/d~1e"]);
    }

    #[test]
    fn null_and_blank_count_as_absent() {
        let mut faults = Faults::default();
        let mut fields = Fields::new(object(json!({"a": null, "b": "  "})), "", &mut faults);
        assert_eq!((fields.text("a", 5), fields.text("b", 5)), (None, None));
        fields.refuse_rest(|_| "is unknown".into());
        assert_eq!(faults.or_ok(()), Ok(()));
    }

    #[test]
    fn only_the_first_hundred_faults_are_named() {
        let mut faults = Faults::default();
        let body = (0..500).map(|number| (format!("{number}{}", "~".repeat(10_000)), Value::Null)).collect();
        Fields::new(body, "", &mut faults).refuse_rest(|_| "is unknown".into());
        assert_eq!(faults.iter().count(), MAX_FAULTS + 1);
        assert!(faults.iter().map(|fault| fault.pointer.len()).sum::<usize>() < 25_000);
    }

    #[test]
    fn a_mixture_of_faults_is_an_invalid_request() {
        let mut faults = Faults::default();
        faults.add(FaultKind::TooLarge, "/face_image", "too large");
        assert_eq!(faults.kind(), FaultKind::TooLarge);
        faults.add(FaultKind::NotAnImage, "/background_image", "no image");
        assert_eq!(faults.kind(), FaultKind::Invalid);
    }
}
