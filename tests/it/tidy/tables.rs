//! Rules about the tables in `template.yaml`: they outlive slips, and restored ones can take their place.

use serde_json::{Value, json};

use super::refuse;
use super::template::template;

const NOUNS: [&str; 3] = ["Profiles", "Generations", "Ledger"];

#[test]
fn nobody_deletes_a_table_by_a_slip_and_a_failed_first_deployment_leaves_none() {
    let template = template();
    let tables = template["Resources"].as_object().expect("resources").iter();
    let tables: Vec<_> = tables.filter(|(_, table)| table["Type"] == "AWS::DynamoDB::Table").collect();
    assert_eq!(tables.len(), 3);
    for (name, table) in tables {
        assert_eq!(
            table["Properties"]["DeletionProtectionEnabled"],
            json!({"Ref": "ProtectTables"}),
            "{name}"
        );
        assert_eq!(table["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(table["UpdateReplacePolicy"], "Retain", "{name}");
    }
    assert_eq!(template["Parameters"]["ProtectTables"]["Default"], "true");
}

/// The noun of the table that a text names.
fn noun(text: &str) -> Option<&'static str> {
    NOUNS.into_iter().find(|noun| text.contains(&format!("{noun}Table")))
}

/// The smallest values below `value` that name a table, or choose one, with their places.
fn naming(value: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_intrinsic = name == "Ref" || name.starts_with("Fn::");
                if is_intrinsic && name != "Fn::Join" && noun(&member.to_string()).is_some() {
                    found.push((place.to_owned(), value.clone()));
                } else {
                    naming(member, &format!("{place}/{name}"), found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| naming(item, place, found)),
        _ => {}
    }
}

/// The restored table in the place of the stack's own, which is given by its name, its ARN or an index.
fn replacement(own: &Value) -> Option<String> {
    let name = |noun: &str| format!("${{RestoredTables}}-{}", noun.to_lowercase());
    let arn = |noun| {
        format!("arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{}", name(noun))
    };
    let of_table = noun(&own.to_string())?;
    if own.get("Ref").is_some() {
        return Some(name(of_table));
    }
    if own.get("Fn::GetAtt").is_some() {
        return Some(arn(of_table));
    }
    let (_, index) = own["Fn::Sub"].as_str()?.split_once(".Arn}")?;
    Some(format!("{}{index}", arn(of_table)))
}

#[test]
fn a_restored_table_takes_the_place_of_the_stacks_own_everywhere() {
    let (template, mut found) = (template(), Vec::new());
    for section in ["Resources", "Outputs"] {
        naming(&template[section], section, &mut found);
    }
    assert!(found.len() >= 40, "{}", found.len());
    let is_right = |value: &Value| match value["Fn::If"].as_array().map(Vec::as_slice) {
        Some([condition, restored, own]) => {
            condition == "TablesAreRestored" && restored["Fn::Sub"].as_str() == replacement(own).as_deref()
        }
        _ => false,
    };
    let breaches = found.iter().filter(|(_, value)| !is_right(value));
    let breaches: Vec<_> = breaches.map(|(place, value)| format!("{place}: {value}")).collect();
    refuse(&breaches, "write !If [TablesAreRestored, the restored table, the stack's own] here:");
}
