//! Resolves the intrinsic functions that have a meaning here: `Ref`, `Fn::Sub`, `Fn::GetAtt` and `Fn::If`.

use std::time::Duration;

use anyhow::{anyhow, bail, ensure};
use serde_json::Value;

use super::LocalStack;
use super::node::Node;
use crate::place::{ACCOUNT_ID, REGION, function_arn};

/// The template's parameters and resources, with their names on this machine.
pub(super) struct Resolver<'t> {
    parameters: Option<Node<'t>>,
    conditions: Option<Node<'t>>,
    resources: Node<'t>,
    /// `Globals.Function`, the properties that all functions share.
    pub(super) function_globals: Option<Node<'t>>,
    local: &'t LocalStack,
}

impl<'t> Resolver<'t> {
    /// Refuses a local value of an unknown parameter: a misspelt name would have no effect.
    pub(super) fn new(root: &Node<'t>, local: &'t LocalStack) -> anyhow::Result<Self> {
        let parameters = root.get("Parameters");
        for name in local.parameters.keys() {
            ensure!(
                parameters.as_ref().is_some_and(|known| known.get(name).is_some()),
                "a local value is given for {name}, which is not a parameter of the template"
            );
        }
        Ok(Self {
            parameters,
            conditions: root.get("Conditions"),
            resources: root.need("Resources")?,
            function_globals: root.at(&["Globals", "Function"]),
            local,
        })
    }

    /// Logical ids and bodies of the resources of that type.
    pub(super) fn resources(&self, kind: &str) -> anyhow::Result<Vec<(&'t str, Node<'t>)>> {
        let mut resources = self.resources.entries()?;
        resources.retain(|(_, resource)| kind_of(resource) == Some(kind));
        Ok(resources)
    }

    /// The text of a value. Numbers and booleans are written as by CloudFormation.
    pub(super) fn text(&self, node: &Node<'t>) -> anyhow::Result<String> {
        match node.value {
            Value::String(text) => return Ok(text.clone()),
            Value::Number(number) => return Ok(number.to_string()),
            Value::Bool(value) => return Ok(value.to_string()),
            _ => {}
        }
        let (function, argument) =
            node.intrinsic().ok_or_else(|| node.error("a string or a number expected"))?;
        let text = match function {
            "Ref" => self.reference(argument.literal()?),
            "Fn::Sub" => self.substitute(argument.literal()?),
            "Fn::GetAtt" => {
                let names =
                    argument.items()?.iter().map(Node::literal).collect::<anyhow::Result<Vec<_>>>()?;
                self.attribute(&names.join("."))
            }
            _ => Err(anyhow!("{function} cannot be resolved on this machine")),
        };
        text.map_err(|error| node.error(error))
    }

    /// The chosen branch of an `Fn::If`; any other value as it is.
    pub(super) fn chosen(&self, node: &Node<'t>) -> anyhow::Result<Node<'t>> {
        let Some(("Fn::If", argument)) = node.intrinsic() else { return Ok(node.clone()) };
        let items = argument.items()?;
        let [condition, when_true, when_false] = items.as_slice() else {
            return Err(argument.error("a condition and two values expected"));
        };
        Ok(if self.holds(condition)? { when_true } else { when_false }.clone())
    }

    /// Whether the condition of that name holds. Only `Fn::Equals` is known here.
    fn holds(&self, name: &Node<'t>) -> anyhow::Result<bool> {
        let condition = self.conditions.as_ref().and_then(|all| all.get(name.value.as_str()?));
        let condition = condition.ok_or_else(|| name.error("there is no such condition"))?;
        let Some(("Fn::Equals", argument)) = condition.intrinsic() else {
            return Err(condition.error("Fn::Equals expected"));
        };
        let items = argument.items()?;
        let [one, other] = items.as_slice() else { return Err(argument.error("two values expected")) };
        Ok(self.text(one)? == self.text(other)?)
    }

    pub(super) fn seconds(&self, node: &Node<'t>) -> anyhow::Result<Duration> {
        let seconds = self.text(node)?.parse();
        seconds.map(Duration::from_secs).map_err(|_| node.error("whole seconds expected"))
    }

    /// The texts of a list, or of a parameter with a list.
    pub(super) fn texts(&self, node: &Node<'t>) -> anyhow::Result<Vec<String>> {
        let Some(("Ref", parameter)) = node.intrinsic() else {
            return node.items()?.iter().map(|item| self.text(item)).collect();
        };
        let name = parameter.literal()?;
        let kind = self.parameter(name).and_then(|parameter| parameter.get("Type"));
        if !kind.and_then(|kind| kind.value.as_str()).is_some_and(|kind| kind.contains("List")) {
            return Err(node.error(format!("{name} is not a list")));
        }
        Ok(self.text(node)?.split(',').map(|item| item.trim().to_owned()).collect())
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

    fn parameter(&self, name: &str) -> Option<Node<'t>> {
        self.parameters.as_ref()?.get(name)
    }

    fn reference(&self, name: &str) -> anyhow::Result<String> {
        if let Some(value) = self.local.parameters.get(name) {
            return Ok(value.clone());
        }
        if let Some(parameter) = self.parameter(name) {
            let default = parameter.get("Default");
            return default
                .ok_or_else(|| anyhow!("parameter {name} has no default and was given no local value"))
                .and_then(|default| self.text(&default));
        }
        if let Some(resource) = self.resources.get(name) {
            return match kind_of(&resource) {
                Some("AWS::DynamoDB::Table" | "AWS::S3::Bucket") => Ok(self.local_name(name)),
                Some("AWS::Serverless::Function") => binary(&resource),
                _ => bail!("resource {name} does not exist on this machine"),
            };
        }
        Ok(match name {
            "AWS::StackName" => self.local.name.clone(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT_ID.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => bail!("{name} is neither a parameter nor a resource"),
        })
    }

    fn attribute(&self, path: &str) -> anyhow::Result<String> {
        let arn = path.strip_suffix(".Arn").and_then(|name| {
            let resource = self.resources.get(name)?;
            Some(match kind_of(&resource)? {
                "AWS::DynamoDB::Table" => {
                    Ok(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{}", self.local_name(name)))
                }
                "AWS::S3::Bucket" => Ok(format!("arn:aws:s3:::{}", self.local_name(name))),
                "AWS::Serverless::Function" => binary(&resource).map(|name| function_arn(&name)),
                _ => return None,
            })
        });
        arn.unwrap_or_else(|| Err(anyhow!("the attribute {path} does not exist on this machine")))
    }

    /// Replaces each `${Name}` and `${Name.Attribute}`. `${!Name}` becomes `${Name}`.
    fn substitute(&self, text: &str) -> anyhow::Result<String> {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) =
                part.split_once('}').ok_or_else(|| anyhow!("a `${{` in {text:?} is not closed"))?;
            match name.strip_prefix('!') {
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None if name.contains('.') => result.push_str(&self.attribute(name)?),
                None => result.push_str(&self.reference(name)?),
            }
            result.push_str(rest);
        }
        Ok(result)
    }
}

/// The name of a function's binary, which is the function's name on this machine.
pub(super) fn binary(function: &Node<'_>) -> anyhow::Result<String> {
    let binary = function.at(&["Metadata", "BuildProperties", "Binary"]);
    let binary = binary.ok_or_else(|| function.error("`Metadata.BuildProperties.Binary` is missing"))?;
    Ok(binary.literal()?.to_owned())
}

fn kind_of<'t>(resource: &Node<'t>) -> Option<&'t str> {
    resource.get("Type")?.value.as_str()
}
