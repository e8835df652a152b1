//! Resolves the intrinsic functions that have a meaning here: `Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::If` and
//! `Fn::Join`.

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::LocalStack;
use crate::place::{ACCOUNT_ID, API_ID, REGION, function_arn};

/// The one member of the object in place of a value without a meaning here: it says why there is no value.
pub(super) const UNRESOLVED: &str = "Unresolved";

/// Where a function has the name of its binary, which is the function's name on this machine.
pub(super) const BINARY: &str = "/Metadata/BuildProperties/Binary";

/// The template's parameters, conditions and resources, with their names on this machine.
pub(super) struct Resolver<'t> {
    root: &'t Value,
    local: &'t LocalStack,
}

impl<'t> Resolver<'t> {
    /// Refuses a local value of an unknown parameter: a misspelt name would have no effect.
    pub(super) fn new(root: &'t Value, local: &'t LocalStack) -> anyhow::Result<Self> {
        for name in local.parameters.keys() {
            ensure!(
                !root["Parameters"][name].is_null(),
                "a local value is given for {name}, which is not a parameter of the template"
            );
        }
        Ok(Self { root, local })
    }

    /// `value` with plain values in place of its intrinsic functions. One without a meaning here is an error
    /// only where its value is read.
    pub(super) fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(members) => match intrinsic(value) {
                Some((function, argument)) => self
                    .result(function, argument)
                    .unwrap_or_else(|reason| json!({UNRESOLVED: reason.to_string()})),
                None => members.iter().map(|(name, value)| (name.clone(), self.resolved(value))).collect(),
            },
            _ => value.clone(),
        }
    }

    fn result(&self, function: &str, argument: &Value) -> anyhow::Result<Value> {
        match (function, argument, argument.as_array().map(Vec::as_slice)) {
            ("Ref", Value::String(name), _) => self.reference(name),
            ("Fn::Sub", Value::String(text), _) => self.substitute(text),
            ("Fn::GetAtt", _, Some([Value::String(name), Value::String(attribute)])) => {
                self.attribute(name, attribute)
            }
            ("Fn::If", _, Some([Value::String(condition), when_true, when_false])) => {
                Ok(self.resolved(if self.holds(condition)? { when_true } else { when_false }))
            }
            ("Fn::Join", _, Some([Value::String(separator), items])) => self.join(separator, items),
            _ => bail!("{function} cannot be resolved on this machine"),
        }
    }

    /// Whether the condition of that name holds. Only `Fn::Equals`, and `Fn::Not` of it, are known here.
    fn holds(&self, name: &str) -> anyhow::Result<bool> {
        let condition = &self.root["Conditions"][name];
        ensure!(!condition.is_null(), "there is no condition {name}");
        let negated = condition["Fn::Not"].get(0);
        let Some([one, other]) = negated.unwrap_or(condition)["Fn::Equals"].as_array().map(Vec::as_slice)
        else {
            bail!("the condition {name} is not Fn::Equals of two values, nor Fn::Not of that");
        };
        let are_equal = text(self.resolved(one))? == text(self.resolved(other))?;
        Ok(are_equal == negated.is_none())
    }

    /// The texts of a list with `separator` between them.
    fn join(&self, separator: &str, items: &Value) -> anyhow::Result<Value> {
        let items = match self.resolved(items) {
            Value::Array(items) => items.into_iter().map(text).collect::<anyhow::Result<Vec<_>>>()?,
            other => bail!("Fn::Join: {}", other[UNRESOLVED].as_str().unwrap_or("a list expected")),
        };
        Ok(items.join(separator).into())
    }

    /// The name of a resource on this machine: `ProfilesTable` of the stack `potret` is `potret-profiles`.
    pub(super) fn local_name(&self, logical_id: &str) -> String {
        let stem = logical_id.strip_suffix("Table").or_else(|| logical_id.strip_suffix("Bucket"));
        let mut name = self.local.name.clone();
        for character in stem.unwrap_or(logical_id).chars() {
            if character.is_ascii_uppercase() {
                name.push('-');
            }
            name.push(character.to_ascii_lowercase());
        }
        name
    }

    /// The value of a parameter, or the name of a resource. A list is comma-separated in its parameter.
    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        let parameter = &self.root["Parameters"][name];
        if !parameter.is_null() {
            let local = self.local.parameters.get(name).map(|value| json!(value));
            let value = local.or_else(|| parameter.get("Default").cloned());
            let value = value
                .ok_or_else(|| anyhow!("parameter {name} has no default and was given no local value"))?;
            let kind = parameter["Type"].as_str().unwrap_or_default();
            return Ok(match value.as_str() {
                Some(items) if kind.contains("List") => items.split(',').map(str::trim).collect(),
                Some(number) if kind == "Number" => Value::Number(number.parse()?),
                _ => value,
            });
        }
        let resource = &self.root["Resources"][name];
        let text = match (resource["Type"].as_str(), name) {
            (Some("AWS::DynamoDB::Table" | "AWS::S3::Bucket"), _) => self.local_name(name),
            (Some("AWS::Serverless::Function"), _) => binary(resource)?,
            (Some("AWS::Serverless::HttpApi"), _) => API_ID.to_owned(),
            (Some(_), _) => bail!("resource {name} does not exist on this machine"),
            (None, "AWS::StackName") => self.local.name.clone(),
            (None, "AWS::Region") => REGION.to_owned(),
            (None, "AWS::AccountId") => ACCOUNT_ID.to_owned(),
            (None, "AWS::Partition") => "aws".to_owned(),
            (None, "AWS::URLSuffix") => "amazonaws.com".to_owned(),
            (None, _) => bail!("{name} is neither a parameter nor a resource"),
        };
        Ok(text.into())
    }

    fn attribute(&self, name: &str, attribute: &str) -> anyhow::Result<Value> {
        let resource = &self.root["Resources"][name];
        let arn = match (resource["Type"].as_str(), attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => {
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{}", self.local_name(name))
            }
            (Some("AWS::S3::Bucket"), "Arn") => format!("arn:aws:s3:::{}", self.local_name(name)),
            (Some("AWS::Serverless::Function"), "Arn") => function_arn(&binary(resource)?),
            _ => bail!("the attribute {name}.{attribute} does not exist on this machine"),
        };
        Ok(arn.into())
    }

    /// Replaces each `${Name}` and `${Name.Attribute}`. `${!Name}` becomes `${Name}`.
    fn substitute(&self, pattern: &str) -> anyhow::Result<Value> {
        let mut parts = pattern.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) =
                part.split_once('}').ok_or_else(|| anyhow!("a `${{` in {pattern:?} is not closed"))?;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else {
                let value = match name.split_once('.') {
                    Some((name, attribute)) => self.attribute(name, attribute)?,
                    None => self.reference(name)?,
                };
                result.push_str(&text(value)?);
            }
            result.push_str(rest);
        }
        Ok(result.into())
    }
}

/// The name and the argument of an intrinsic function.
fn intrinsic(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (name, argument) = members.iter().next()?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::")).then_some((name, argument))
}

/// A string, or a number or boolean as CloudFormation writes it.
pub(super) fn text(value: Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(anyhow!(value[UNRESOLVED].as_str().unwrap_or("a string or a number expected").to_owned())),
    }
}

fn binary(function: &Value) -> anyhow::Result<String> {
    let binary = function.pointer(BINARY).and_then(Value::as_str);
    Ok(binary.context("a function without `Metadata.BuildProperties.Binary`")?.to_owned())
}
