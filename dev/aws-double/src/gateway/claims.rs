//! Turns a token's claims into the strings that API Gateway puts in an event.
//!
//! The real gateway is written in Go and prints every claim as `fmt.Sprint` does. It matters: one claim that
//! is not a string makes lambda_http refuse the whole event.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The claims as strings.
pub(super) fn to_strings(claims: &Map<String, Value>) -> BTreeMap<String, String> {
    claims.iter().map(|(name, claim)| (name.clone(), printed(claim))).collect()
}

fn printed(claim: &Value) -> String {
    match claim {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(_) | Value::Number(_) => claim.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(printed).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            // Sorted, as Go prints a map, whatever order this build's JSON objects keep.
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> =
                fields.into_iter().map(|(name, field)| format!("{name}:{}", printed(field))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_printed_as_go_prints_them() {
        for (claim, text) in [
            (json!("plain"), "plain"),
            (json!(1_893_456_000), "1893456000"),
            (json!(-1.5), "-1.5"),
            (json!(true), "true"),
            (json!(null), "<nil>"),
            (json!([]), "[]"),
            (json!(["admin", "staff"]), "[admin staff]"),
            (json!({"b": 2, "a": ["x", {"y": false}]}), "map[a:[x map[y:false]] b:2]"),
        ] {
            assert_eq!(printed(&claim), text);
        }
    }
}
