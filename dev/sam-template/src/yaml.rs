//! Converts a template from YAML to JSON, with long tags: `!Ref A` becomes `{"Ref": "A"}`.

use anyhow::{Context, anyhow, bail, ensure};
use saphyr::{LoadableYamlNode, Scalar, Tag, Yaml};
use serde_json::{Map, Number, Value, json};

pub(super) fn parse(text: &str) -> anyhow::Result<Value> {
    let documents = Yaml::load_from_str(text)?;
    let [document] = documents.as_slice() else {
        bail!("one YAML document expected, {} found", documents.len());
    };
    let root = to_json(document)?;
    ensure!(root.is_object(), "a mapping expected at the top");
    Ok(root)
}

fn to_json(yaml: &Yaml) -> anyhow::Result<Value> {
    Ok(match yaml {
        Yaml::Value(scalar) => scalar_to_json(scalar)?,
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<anyhow::Result<_>>()?,
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key.as_str().ok_or_else(|| anyhow!("a key is not a string: {key:?}"))?;
                object.insert(key.to_owned(), to_json(value).with_context(|| format!("in {key}"))?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, value) => intrinsic(tag, to_json(value)?)?,
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            bail!("unusable YAML: {yaml:?}")
        }
    })
}

fn scalar_to_json(scalar: &Scalar) -> anyhow::Result<Value> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => {
            Value::Number(Number::from_f64(value.0).ok_or_else(|| anyhow!("not a number: {value}"))?)
        }
        Scalar::String(value) => Value::from(value.as_ref()),
    })
}

/// The long form of a short tag, as CloudFormation documents it.
fn intrinsic(tag: &Tag, argument: Value) -> anyhow::Result<Value> {
    ensure!(tag.handle == "!", "unknown tag {tag}");
    let name = tag.suffix.as_str();
    Ok(match (name, argument) {
        ("Ref" | "Condition", argument) => json!({ name: argument }),
        // The name of an attribute may have dots. A logical id has none.
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) =
                path.split_once('.').ok_or_else(|| anyhow!("!GetAtt {path} names no attribute"))?;
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (_, argument) => json!({ format!("Fn::{name}"): argument }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_long() {
        let root = parse("a: !Ref B\nc: !GetAtt D.E.F\ng: !Join [',', [1, !Sub '${H}']]").unwrap();
        assert_eq!(
            root,
            json!({
                "a": {"Ref": "B"},
                "c": {"Fn::GetAtt": ["D", "E.F"]},
                "g": {"Fn::Join": [",", [1, {"Fn::Sub": "${H}"}]]},
            })
        );
    }

    #[test]
    fn scalars_keep_their_kinds() {
        let root = parse("a: 7\nb: '7'\nc: true\nd: 'on'\ne: ~\nf: 1.5\ng: 2012-10-17").unwrap();
        assert_eq!(
            root,
            json!({"a": 7, "b": "7", "c": true, "d": "on", "e": null, "f": 1.5, "g": "2012-10-17"})
        );
    }

    #[test]
    fn invalid_text_is_refused_with_its_line() {
        let error = format!("{:#}", parse("a: 1\nb: [").unwrap_err());
        assert!(error.contains("line"), "{error}");
        assert!(parse("").is_err());
        assert!(parse("- a").is_err());
        assert!(parse("a: 1\na: 2").is_err());
        assert!(parse("a: !GetAtt B").is_err());
    }
}
