//! A value of the template with its path, so that every error says where it is.

use std::fmt::Display;

use anyhow::anyhow;
use serde_json::Value;

#[derive(Debug, Clone)]
pub(super) struct Node<'t> {
    path: String,
    pub(super) value: &'t Value,
}

impl<'t> Node<'t> {
    pub(super) fn root(value: &'t Value) -> Self {
        Self { path: String::new(), value }
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'t>> {
        self.value.get(key).map(|value| self.child(key, value))
    }

    /// As [`Node::get`], with an error if the member is missing.
    pub(super) fn need(&self, key: &str) -> anyhow::Result<Node<'t>> {
        self.get(key).ok_or_else(|| self.error(format!("`{key}` is missing")))
    }

    /// The value at a path such as `["Properties", "Auth"]`.
    pub(super) fn at(&self, path: &[&str]) -> Option<Node<'t>> {
        path.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    pub(super) fn entries(&self) -> anyhow::Result<Vec<(&'t str, Node<'t>)>> {
        let Value::Object(entries) = self.value else {
            return Err(self.error("a mapping expected"));
        };
        Ok(entries.iter().map(|(key, value)| (key.as_str(), self.child(key, value))).collect())
    }

    pub(super) fn items(&self) -> anyhow::Result<Vec<Node<'t>>> {
        let Value::Array(items) = self.value else {
            return Err(self.error("a list expected"));
        };
        Ok(items.iter().enumerate().map(|(index, value)| self.child(&index.to_string(), value)).collect())
    }

    /// A string without any intrinsic function.
    pub(super) fn literal(&self) -> anyhow::Result<&'t str> {
        self.value.as_str().ok_or_else(|| self.error("a plain string expected"))
    }

    /// The name and the argument of an intrinsic function.
    pub(super) fn intrinsic(&self) -> Option<(&'t str, Node<'t>)> {
        let entries = self.value.as_object()?;
        let (name, argument) = entries.iter().next()?;
        let known = entries.len() == 1 && (name == "Ref" || name == "Condition" || name.starts_with("Fn::"));
        known.then(|| (name.as_str(), self.child(name, argument)))
    }

    /// An error that begins with this value's path.
    pub(super) fn error(&self, message: impl Display) -> anyhow::Error {
        anyhow!("{}: {message}", if self.path.is_empty() { "the template" } else { &self.path })
    }

    fn child(&self, key: &str, value: &'t Value) -> Node<'t> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Node { path, value }
    }
}
